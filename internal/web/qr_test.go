package web

import (
	"fmt"
	"image"
	"image/color"
	"regexp"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
	goqr "github.com/piglig/go-qr"
)

var (
	pictureBox = regexp.MustCompile(`^<svg class="qr" role="img" aria-label="a &#34;label&#34;" viewBox="-4 -4 (\d+) (\d+)" shape-rendering="crispEdges">` +
		`<path fill="#fff" d="M-4-4h(\d+)v(\d+)h-(\d+)z"/><path fill="#000" d="(?:M\d+ \d+h\d+v1h-\d+z)+"/></svg>$`)
	pictureRun = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
)

// scale is how many pixels a module of a painted picture has on each side.
const scale = 3

// painted is what a browser paints of a picture of that label, with its margin.
func painted(t *testing.T, svg string) *image.Gray {
	t.Helper()
	box := pictureBox.FindStringSubmatch(svg)
	if box == nil {
		t.Fatalf("not such a picture: %.300s … %s", svg, svg[max(0, len(svg)-60):])
	}
	var whole int
	fmt.Sscan(box[1], &whole)
	for _, side := range box[2:6] {
		if side != box[1] {
			t.Fatalf("not a white square: %q", box[1:])
		}
	}
	canvas := image.NewGray(image.Rect(0, 0, whole*scale, whole*scale))
	for i := range canvas.Pix {
		canvas.Pix[i] = 255
	}
	for _, m := range pictureRun.FindAllStringSubmatch(svg, -1) {
		var x, y, run, back int
		fmt.Sscan(strings.Join(m[1:], " "), &x, &y, &run, &back)
		if run != back || x+run > whole-2*qrMargin || y >= whole-2*qrMargin {
			t.Fatalf("a path that does not close, or on the margin: %s", m[0])
		}
		for i := range run * scale {
			for j := range scale {
				canvas.SetGray((x+qrMargin)*scale+i, (y+qrMargin)*scale+j, color.Gray{})
			}
		}
	}
	return canvas
}

// The picture is the code of the address, module for module, dark on white with the margin that readers need, and reads as the address.
func TestPicture(t *testing.T) {
	t.Parallel()
	for _, address := range append(pictured(), sampleAddress) {
		svg, err := qrPicture(address, `a "label"`)
		if err != nil {
			t.Fatal(err)
		}
		picture := painted(t, string(svg))
		if read, err := goqr.Decode(picture); err != nil || read != address {
			t.Errorf("%q reads as %q %v", address, read, err)
		}
		code, err := goqr.EncodeText(address, goqr.Medium)
		if err != nil {
			t.Fatal(err)
		}
		if want := (code.Size() + 2*qrMargin) * scale; picture.Rect.Dx() != want {
			t.Fatalf("%q: %d pixels wide, want %d", address, picture.Rect.Dx(), want)
		}
		for y := range picture.Rect.Dy() {
			for x := range picture.Rect.Dx() {
				if dark := picture.GrayAt(x, y).Y == 0; dark != code.Module(x/scale-qrMargin, y/scale-qrMargin) {
					t.Fatalf("%q: pixel %d,%d is wrong", address, x, y)
				}
			}
		}
	}
	if svg, err := qrPicture(strings.Repeat("x", 3000), ""); err == nil || svg != "" {
		t.Errorf("more than a code holds: %.40q %v", svg, err)
	}
}

// pictured are addresses of many lengths, so that codes have several sizes.
func pictured() []string {
	var all []string
	for n := range 12 {
		all = append(all, "otpauth://totp/Latchkey:"+strings.Repeat("mira.kade+", n)+"m@example.org?issuer=Latchkey&secret="+sampleKey)
	}
	return all
}

// What a code says is the same, module for module, as another library says: it picks one of the eight masks of the standard.
func TestPictureAsAnotherDraws(t *testing.T) {
	t.Parallel()
	for _, address := range pictured() {
		theirs, err := qr.Encode(address, qr.M, qr.Auto)
		if err != nil {
			t.Fatal(err)
		}
		segments, err := goqr.MakeSegments(address)
		if err != nil {
			t.Fatal(err)
		}
		same := 0
		for mask := range 8 {
			ours, err := goqr.EncodeSegments(segments, goqr.Medium, goqr.MinVersion, goqr.MaxVersion, mask, false)
			if err != nil || ours.Size() != theirs.Bounds().Dx() {
				t.Fatalf("%q with mask %d: %d modules, want %d: %v", address, mask, ours.Size(), theirs.Bounds().Dx(), err)
			}
			differ := 0
			for y := range ours.Size() {
				for x := range ours.Size() {
					if ours.Module(x, y) != (theirs.At(x, y) == color.Black) {
						differ++
					}
				}
			}
			if differ == 0 {
				same++
			}
		}
		if same != 1 {
			t.Errorf("%q: the same under %d masks, want one", address, same)
		}
	}
}

func TestKeyInGroups(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"": "", "ABC": "ABC", "ABCD": "ABCD", "ABCDE": "ABCD E", sampleKey: "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"} {
		if got := strings.Join((&AppPage{Key: key}).Groups(), " "); got != want {
			t.Errorf("%q: %q", key, got)
		}
	}
}

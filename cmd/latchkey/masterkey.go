package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// masterVariable is an environment variable that holds the master keys themselves, for platforms that hand secrets over so. It is no
// flag: the arguments of a process can be read by everybody on the machine.
const masterVariable = "LATCHKEY_MASTER_KEY"

// masterSource is where the master keys come from: a file, or the environment variable when path is empty.
type masterSource struct {
	path string
	// fixed says that no command may write there: the credentials of a service, and the environment.
	fixed bool
}

// text reads the keys as they are written.
func (m masterSource) text() (string, error) {
	if m.path == "" {
		return strings.ReplaceAll(os.Getenv(masterVariable), ",", "\n"), nil
	}
	content, err := os.ReadFile(m.path)
	if err != nil {
		return "", errors.New(withoutPath(err, m.path))
	}
	return string(content), nil
}

// read reads and checks the keys: at the start, and again while the server runs.
func (m masterSource) read() (map[int][]byte, error) {
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	masters, err := secret.ParseMaster(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m, err)
	}
	return masters, nil
}

// String names the place.
func (m masterSource) String() string { return either(m.path, masterVariable) }

// change replaces the file by one without the lines of some versions and with a line for each of others. Everything else in it stays
// as it is. A reader sees the old file or the new one.
func (m masterSource) change(drop int, add map[int][]byte) error {
	text, err := m.text()
	if err != nil {
		return err
	}
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		masters, err := secret.ParseMaster(line)
		if err != nil { // a comment or an empty line: the whole text was parsed before
			lines = append(lines, line)
			continue
		}
		if _, gone := masters[drop]; !gone {
			lines = append(lines, strings.TrimRight(secret.FormatMaster(masters), "\n"))
		}
	}
	return replaceFile(m.path, []byte(strings.Join(lines, "\n")+"\n"+secret.FormatMaster(add)))
}

// replaceFile puts a file in the place of another in one step, with its mode and owner; a new one only its owner reads. It is on the disk
// when replaceFile returns.
func replaceFile(path string, content []byte) (err error) {
	fresh, err := os.CreateTemp(filepath.Dir(path), ".latchkey-*") // of mode 600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(fresh.Name()))
		}
	}()
	_, err = fresh.Write(content)
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	if old, statErr := os.Stat(path); statErr == nil {
		if err = errors.Join(os.Chmod(fresh.Name(), old.Mode().Perm()), keepOwner(fresh.Name(), old)); err != nil {
			return err
		}
	}
	if err = os.Rename(fresh.Name(), path); err != nil {
		return err
	}
	dir, openErr := os.Open(filepath.Dir(path))
	if openErr != nil {
		return nil // it is in its place; only that a power failure might still take it back cannot be ruled out
	}
	_ = dir.Sync()
	return dir.Close()
}

// masters reads the master keys.
func (r *reader) masters() {
	const remedy = "make one with: openssl rand -base64 32 > FILE; chmod 600 FILE; then set --master-key-file FILE"
	source := masterSource{path: r.c.MasterKeyFile}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); source.path == "" && os.Getenv(masterVariable) == "" && dir != "" {
		if candidate := filepath.Join(dir, "master-key"); fileExists(candidate) {
			source.path = candidate
			r.from("master-key-file", "systemd credential")
		}
	}
	switch {
	case r.c.MasterKeyFile != "" && os.Getenv(masterVariable) != "":
		r.wrong("master-key-file", "is set, and so is "+masterVariable, "leave one of them out, so that nobody wonders which key is in force")
		return
	case source.path == "" && os.Getenv(masterVariable) == "":
		r.wrong("master-key-file", "not set", remedy)
		return
	case source.path == "":
		r.from("master-key-file", "environment "+masterVariable)
	}
	source.fixed = r.c.MasterKeyFile == ""
	masters, err := source.read()
	if err == nil {
		r.s.keys, err = secret.NewKeys(masters)
	}
	if err != nil {
		r.wrong("master-key-file", err.Error(), remedy)
		return
	}
	if stat, err := os.Stat(source.path); source.path != "" && err == nil {
		r.open("master-key-file", source.path, stat.Mode().Perm())
	}
	r.s.master = source
}

// open looks at the mode of the master key's file. One that others can change is refused: they could have the data sealed under a key of
// theirs. One that others can read is a warning, since some platforms hand secrets over no other way; whoever has it and a copy of
// the data has everything.
func (r *reader) open(setting, path string, mode os.FileMode) {
	if mode&0o022 != 0 {
		r.wrong(setting, fmt.Sprintf("%s has mode %o: others can change it", path, mode), "chmod 600 "+path)
	} else if mode&0o004 != 0 {
		r.s.warnings = append(r.s.warnings, fmt.Sprintf("%s: %s can be read by every user of this machine; chmod o= %s", setting, path, path))
	}
}

func (r *reader) from(setting, source string) {
	if r.s.sources != nil {
		r.s.sources[setting] = source
	}
}

// files are the files of signing keys that exist, by what they sign, with the master key that each is sealed under.
func (c *Config) sealedFiles(all settings) map[string]int {
	files := map[string]int{}
	for _, path := range []string{c.signingFile(all).path, c.receiptFile(all).path} {
		if version := sealedFileVersion(path); version != 0 {
			files[path] = version
		}
	}
	return files
}

// filesUnder lists the files that are sealed under a version.
func filesUnder(files map[string]int, version int) (paths []string) {
	for path, under := range files {
		if under == version {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

package secret

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Add loads further master keys beside those that are there, such as one that an operator has just put into the key file; the
// version in use stays the same. A key that was carried becomes whole. The error is ErrMaster: what is no key, or another key
// than the one of that version that is loaded already; nothing is loaded then.
func (k *Keys) Add(masters map[int][]byte) error {
	fresh := map[int]*family{}
	for version, master := range masters {
		if err := checkMaster(version, master); err != nil {
			return fmt.Errorf("%w: %w; %s", ErrMaster, err, keyRemedy)
		}
		f, err := newFamily(version, master)
		if err != nil {
			return err
		}
		fresh[version] = f
	}
	for {
		old := k.ring.Load()
		families := maps.Clone(old.families)
		for version, f := range fresh {
			if known, is := families[version]; is && !Equal(known.digests[PurposeMaster].secret, f.digests[PurposeMaster].secret) {
				return fmt.Errorf("%w: version %d is another key than the one that is loaded", ErrMaster, version)
			}
			families[version] = f
		}
		if k.ring.CompareAndSwap(old, newRing(families, old.versions[0])) {
			return nil
		}
	}
}

// Use has the key of a version make new values from now on. The error is ErrKeyVersion, also for a carried one.
func (k *Keys) Use(version int) error {
	for {
		old := k.ring.Load()
		if f, is := old.families[version]; !is || f.carried {
			return fmt.Errorf("%w: version %d", ErrKeyVersion, version)
		}
		if old.versions[0] == version || k.ring.CompareAndSwap(old, newRing(old.families, version)) {
			return nil
		}
	}
}

// Versions lists the versions of the master keys that are loaded whole, oldest first.
func (k *Keys) Versions() []int {
	var whole []int
	for version, f := range k.ring.Load().families {
		if !f.carried {
			whole = append(whole, version)
		}
	}
	slices.Sort(whole)
	return whole
}

// CarriedPlace is where a carried key lies.
func CarriedPlace(version int) Place {
	return Place{Table: "master_key", Column: "carried", Row: int64(version)}
}

// carriedKeys is what is carried of a version.
type carriedKeys struct {
	Digests map[string][]byte `json:"digests"`
	Derives map[string][]byte `json:"derives"`
	Journey []byte            `json:"journey"`
	Cookies []byte            `json:"cookies"`
}

// Carry seals, under the key in use, what is needed of an older version once nothing is sealed under it any more: its keys of
// digests and of derived values, by which recovery codes, tokens, webhook keys and the marks of the audit are checked for as long as
// they live, and of cookies. Its master key, and what opens accounts and mails, is not in it. Who has the database alone
// can do nothing with it. The error is ErrKeyVersion.
func (k *Keys) Carry(version int) ([]byte, error) {
	f, err := k.version(version)
	if err != nil {
		return nil, err
	}
	c := carriedKeys{Digests: map[string][]byte{}, Derives: map[string][]byte{}, Journey: f.journey, Cookies: f.cookies.key.secret}
	for p := range purposeCount {
		c.Digests[p.label()], c.Derives[p.label()] = f.digests[p].secret, f.derives[p].secret
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("carrying the keys of version %d: %w", version, err)
	}
	return k.Seal(CarriedPlace(version), text), nil
}

// Take loads what Carry sealed of a version, unless its master key is loaded. A purpose that a later release added has no key of
// a version that was carried before. Errors: ErrSeal, ErrKeyVersion.
func (k *Keys) Take(version int, carried []byte) error {
	text, err := k.Open(CarriedPlace(version), carried)
	if err != nil {
		return err
	}
	var c carriedKeys
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%w: carried keys of version %d", ErrSeal, version)
	}
	f := &family{version: version, carried: true, journey: c.Journey, cookies: wide{key: newMACKey(c.Cookies), version: version}}
	for p := range purposeCount {
		digests, derives := c.Digests[p.label()], c.Derives[p.label()]
		if len(digests) == 0 { // an HMAC under no key could be made by anybody
			digests, derives = Bytes(keySize), Bytes(keySize)
		}
		f.digests[p], f.derives[p] = newMACKey(digests), newMACKey(derives)
	}
	for {
		old := k.ring.Load()
		if _, is := old.families[version]; is {
			return nil
		}
		families := maps.Clone(old.families)
		families[version] = f
		if k.ring.CompareAndSwap(old, newRing(families, old.versions[0])) {
			return nil
		}
	}
}

// Package secret holds everything that must stay unguessable or unreadable: random values, digests, sealing, passwords,
// authenticator apps, and the texts of tokens. It alone imports the crypto packages; the rest of the program asks for
// a thing by its noun (a recovery code, a sealed cookie) and cannot choose an algorithm, a nonce or a source of randomness.
//
// The security model in short:
//   - Randomness is the operating system's and cannot be replaced. A test reads the value it was given.
//   - Values with 256 random bits are stored as plain SHA-256 ([Hash]): nobody can guess them, so a slow or keyed
//     digest would add nothing. Values that can be guessed (a mailed code of six digits, an e-mail address) are stored
//     as digests keyed by a purpose ([Keys.Digest]); a stolen database alone confirms no guess.
//   - Passwords, which people choose, go through Argon2id ([Passwords]).
//   - What must be read again is sealed with AES-256-GCM and bound to where it lies ([Place]): a ciphertext moved to
//     another row, column, account or cookie does not open.
//   - Master keys come from outside the database and carry versions, so that a key can be replaced while what the old
//     one made still reads.
//
// Nothing here writes logs, and no error repeats a secret.
package secret

// Package store keeps objects and their contents in a folder of files in
// public formats, and reads them back: segments that together are one zstd
// stream of one tar, a catalog of JSON lines, and a manifest. docs/format.md
// describes every byte.
//
// A Writer goes Create, then Put, PutLink, PutFile or Start for each object,
// then Seal, which makes the store whole, or Suspend, which leaves it readable
// up to what was put. What a crash leaves is readable up to the last
// checkpoint. A Store is what Open finds; nothing it reads is trusted: sizes
// are bounded before memory is taken, names are checked, and content is
// compared with its SHA-256.
//
// The package knows neither Windows nor rules nor where objects come from. It
// never decides where a name may be extracted to.
package store

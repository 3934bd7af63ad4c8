#!/usr/bin/env python3
"""A second reader of packed stores, written from docs/format.md alone.

reader.py STORE            one line an object: JSON [path, stream, kind, outcome, size, sha256]
reader.py STORE --extract DIR   writes what the tar would, from catalog and segments

Needs the Python 3 standard library and the zstd program. Every content is
compared with its SHA-256, every file with the manifest; the status is 1 when
anything is wrong.
"""
import base64, hashlib, json, os, re, struct, subprocess, sys

SELF = re.compile(rb'"sha256": "([0-9a-f]{64})"\n}\n\Z')


def die(text):
    sys.exit(f"reader.py: {text}")


def manifest(store):
    for name in ("coldstate.json", "coldstate.json.new"):
        try:
            b = open(os.path.join(store, name), "rb").read()
        except FileNotFoundError:
            continue
        m = SELF.search(b)
        if m and hashlib.sha256(b[:m.start()]).hexdigest().encode() == m[1]:
            return json.loads(b)
    die("no whole manifest")


def journal(store):
    files, last = [], None
    for line in open(os.path.join(store, "journal"), "rb"):
        m = re.search(rb',"sha256":"([0-9a-f]{64})"}\n\Z', line)
        if not m or hashlib.sha256(line[:m.start()]).hexdigest().encode() != m[1]:
            break
        last = json.loads(line)
        files += last["files"]
    if last and last["segment"]["number"]:
        files.append({"name": "data.tar.zst.%05d" % last["segment"]["number"], "size": last["segment"]["size"]})
    return files


def unzstd(data):
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Segments:
    def __init__(self, store, files):
        self.parts = []
        for f in sorted((f for f in files if f["name"].startswith("data.tar.zst.")), key=lambda f: f["name"]):
            with open(os.path.join(store, f["name"]), "rb") as fh:
                self.parts.append(fh.read(f["size"]))
        self.cache = {}

    def frame_end(self, seg, off):
        """RFC 8878 section 3.1.1: the end of a frame from its block headers."""
        b = self.parts[seg - 1]
        magic, desc = struct.unpack_from("<IB", b, off)
        if magic != 0xFD2FB528:
            die(f"no frame at {off} of segment {seg}")
        single, flag = desc >> 5 & 1, desc >> 6
        at = off + 5 + (not single) + (0, 1, 2, 4)[desc & 3]
        at += (1 if single else 0, 2, 4, 8)[flag]
        while True:
            h = int.from_bytes(b[at:at + 3], "little")
            at += 3 + (1 if h >> 1 & 3 == 1 else h >> 3)
            if h & 1:
                return at + (4 if desc & 4 else 0)

    def frame(self, seg, off):
        if (seg, off) not in self.cache:
            if len(self.cache) > 8:
                self.cache.clear()
            end = self.frame_end(seg, off)
            self.cache[seg, off] = unzstd(self.parts[seg - 1][off:end]), end
        return self.cache[seg, off]

    def read(self, seg, off, skip, size):
        """size bytes of tar, beginning skip bytes into the frame at off."""
        while True:
            data, end = self.frame(seg, off)
            piece = data[skip:skip + size]
            if piece:
                yield piece
            size -= len(piece)
            if not size:
                return
            skip, off = 0, end
            if off == len(self.parts[seg - 1]):
                seg, off = seg + 1, 0


def escape(name):
    if name in (b".", b".."):
        return name.replace(b".", b"%2E")
    name = re.sub(rb"%(?=00|25|2E|2F|5C)", b"%25", name)
    return name.replace(b"\0", b"%00").replace(b"/", b"%2F").replace(b"\\", b"%5C")


def raw(s):
    """A string of the catalog as WTF-8 bytes: lone surrogates stay."""
    return s.encode("utf-8", "surrogatepass")


def tar_name(o):
    vol, _, rest = o["path"].partition(":") if o["kind"] != "part" else ("", "", o["path"])
    names = o.get("names") or [n for n in (rest[1:] if o["kind"] != "part" else rest).split("\\") if n]
    out = [raw(vol)] if vol else []
    out += [escape(raw(n)) for n in names]
    if o["kind"] == "stream":
        out = [b"streams"] + out + [escape(raw(o["stream"]))]
    elif o.get("raw"):
        out = [b"efs"] + out
    return b"/".join(out)


STORED = {"captured", "linked", "duplicate", "damaged", "encrypted-raw", "changed-while-reading"}


def main(store, target=None):
    m = manifest(store)
    if m["format"] != 1:
        die(f"format {m['format']}")
    if m["state"] == "sealed":
        files = m["files"]
        for f in files:
            b = open(os.path.join(store, f["name"]), "rb").read()
            if len(b) != f["size"] or hashlib.sha256(b).hexdigest() != f["sha256"]:
                die(f"{f['name']} is not what the manifest says")
    else:
        files = journal(store)
    segments = Segments(store, files)
    n, outcomes = 0, {}
    for f in sorted((f for f in files if f["name"].startswith("catalog.")), key=lambda f: f["name"]):
        for line in unzstd(open(os.path.join(store, f["name"]), "rb").read()).splitlines():
            o = json.loads(line)
            if "descriptor" in o:
                base64.b64decode(o["descriptor"], validate=True)
                continue
            n += 1
            outcomes[o["outcome"]] = outcomes.get(o["outcome"], 0) + 1
            stored = o["outcome"] in STORED
            print(json.dumps([o["path"], o.get("stream", ""), o["kind"], o["outcome"], o.get("size", 0), o.get("sha256", "")]))
            if stored and o["kind"] == "folder" and target:
                os.makedirs(os.path.join(os.fsencode(target), tar_name(o)), exist_ok=True)
            if not stored or o["kind"] not in ("file", "stream", "part"):
                continue
            size, holes = o.get("size", 0), o.get("holes", [])
            out = open(os.devnull, "wb")
            if target:
                path = os.path.join(os.fsencode(target), tar_name(o))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                out = open(path, "wb")
            sum_ = hashlib.sha256()
            at = 0
            for piece in segments.read(o["segment"], o["frame"], o["offset"], size - sum(l for _, l in holes)):
                sum_.update(piece)
                while piece:
                    while holes and holes[0][0] == at:
                        at += holes.pop(0)[1]
                        out.seek(at)
                    k = min(len(piece), holes[0][0] - at) if holes else len(piece)
                    out.write(piece[:k])
                    piece, at = piece[k:], at + k
            if target:
                out.truncate(size)
            out.close()
            if sum_.hexdigest() != o["sha256"]:
                die(f"{o['path']!r}: SHA-256 differs")
    if m["state"] == "sealed" and (n != m["objects"] or outcomes != m["outcomes"]):
        die("the catalog does not hold what the manifest counts")


if len(sys.argv) == 2:
    main(sys.argv[1])
elif len(sys.argv) == 4 and sys.argv[2] == "--extract":
    main(sys.argv[1], sys.argv[3])
else:
    sys.exit(__doc__)

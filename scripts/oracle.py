"""The parts of oracle.sh that shell cannot do well: a seeded tree, the
comparison of lists, and damage. Standard library only."""

import json
import os
import random
import re
import subprocess
import sys


def tree(root, seed):
    """Fills a mounted NTFS volume (ntfs-3g, streams_interface=xattr)."""
    r = random.Random(seed)
    top = os.path.join(root, "Users", "anna", "Documents", "seed %d" % seed)
    os.mkdir(top)
    words = "the cold state of a machine Straße 日本 Übung naïve 😀 [a] %TEMP% semi;colon #1".split()
    folders, files = [top], []

    def name(ext):
        return " ".join(r.choice(words) for _ in range(r.randint(1, 5))) + " %d%s" % (r.randint(0, 10**6), ext)

    for _ in range(40):
        d = os.path.join(r.choice(folders[-15:]), name(""))
        os.mkdir(d)
        if r.random() < 0.15:  # what is written below is LZNT1
            os.setxattr(d, "system.ntfs_attrib", (0x810).to_bytes(4, "little"))
        folders.append(d)
    for i in range(250):
        f = os.path.join(r.choice(folders), name(r.choice([".txt", ".docx", "", "."])))
        size = r.choice([0, 1, 599, 700, 4095, 4096, 4097, r.randint(1, 50000), r.randint(1, 9000)])
        if i < 3:
            size = 900000
        body = r.randbytes(size) if r.random() < 0.4 or i < 3 else (" ".join(r.choices(words, k=size // 4)).encode())[:size]
        with open(f, "wb") as out:
            out.write(body)
        files.append(f)
        if r.random() < 0.15:
            for s in range(r.randint(1, 5)):
                os.setxattr(f, "user.stream %d" % s, r.randbytes(r.choice([1, 100, 3000, 20000])))
        if r.random() < 0.08:
            os.link(f, os.path.join(r.choice(folders), name(" link")))
    for _ in range(5):
        f = os.path.join(r.choice(folders), name(".sparse"))
        with open(f, "wb") as out:
            for _ in range(3):
                out.seek(r.randint(0, 8 << 20))
                out.write(r.randbytes(r.randint(1, 5000)))
            out.truncate(9 << 20)
    for d in r.sample(folders, 4):
        os.setxattr(d, "user.of a folder", b"a folder can have a stream")
    for f in r.sample(files, 25):  # deleted: nobody may see them
        os.remove(f)


def member(path, stream):
    """The name of the tar member, as bytes in WTF-8."""
    text = path.replace("C:\\", "C/", 1).replace("\\", "/").rstrip("/")
    if stream:
        text = "streams/" + text + "/" + stream
    return text.encode("utf-8", "surrogatepass")


KINDS = ("file", "folder", "link", "stream")
STORED = ("captured", "linked", "duplicate", "damaged")


def compare(plan_file, catalog_file, tar_file, fls_file):
    with open(plan_file, encoding="utf-8") as f:
        objects = json.load(f)["objects"]
    plan = [(o["kind"], member(o["path"], o.get("stream", ""))) for o in objects if o["kind"] in KINDS]
    catalog, content = [], []
    with open(catalog_file, encoding="utf-8") as f:
        for line in f:
            o = json.loads(line)
            if o.get("kind") in KINDS:
                one = (o["kind"], member(o["path"], o.get("stream", "")))
                catalog.append(one)
                if o["outcome"] in STORED:
                    content.append(one[1])
    with open(tar_file, "rb") as f:
        tar = [n.rstrip(b"/") for n in f.read().split(b"\n") if n and not n.startswith(b"registry/")]
    fls = 0
    with open(fls_file, "rb") as f:
        for line in f.read().split(b"\n"):
            m = re.match(rb"\S+ (\d+)(?:-\d+-\d+)?:\t(.*)$", line)
            # NTFS's own files, and the entry "." that repeats a folder's streams.
            if not m or int(m[1]) < 24 or re.match(rb"\$(Extend|OrphanFiles)(/|:|$)", m[2]) or re.search(rb"/\.:", m[2]):
                continue
            fls += 1
    ok = True

    def same(what, a, b):
        nonlocal ok
        for label, extra in ((" only in the first: ", set(a) - set(b)), (" only in the second: ", set(b) - set(a))):
            for x in sorted(extra)[:5]:
                print(what, label, x)
                ok = False
        if len(a) != len(set(a)) or len(b) != len(set(b)) or len(a) != len(b):
            print("%s: %d and %d names, %d and %d different ones" % (what, len(a), len(b), len(set(a)), len(set(b))))
            ok = False

    same("plan and catalog:", plan, catalog)
    same("catalog and tar:", content, tar)
    if len(plan) - 1 != fls:  # fls does not list the root folder
        print("the plan has %d objects below the root, fls counts %d" % (len(plan) - 1, fls))
        ok = False
    if ok:
        print("%d objects in plan, catalog and (%d with content) tar; fls counts as many" % (len(plan), len(tar)))
    return ok


def damage(binary, store, seed):
    """Says whether verify objects to each kind of damage."""
    r = random.Random(seed)
    names = sorted(os.listdir(store))

    def read(name):
        with open(os.path.join(store, name), "rb") as f:
            return f.read()

    def write(name, data):
        with open(os.path.join(store, name), "wb") as f:
            f.write(data)

    def verify():
        return subprocess.run([binary, "verify", store], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def objects(what):
        status = verify()
        if status in (1, 3):
            return True
        print("verify exits %d after: %s" % (status, what))
        return False

    ok = True
    part = [n for n in names if n.startswith("catalog.")][0]
    keep = read(part)
    lines = subprocess.run(["zstd", "-dcq"], input=keep, stdout=subprocess.PIPE, check=True).stdout.splitlines(True)
    gone = r.randrange(len(lines))
    del lines[gone]
    write(part, subprocess.run(["zstd", "-cq"], input=b"".join(lines), stdout=subprocess.PIPE, check=True).stdout)
    ok &= objects("line %d of %s deleted" % (gone + 1, part))
    write(part, keep)

    segments = [n for n in names if n.startswith("data.tar.zst.")]
    if len(segments) < 2:
        print("the store has only %d segment" % len(segments))
        return False
    a, b = r.sample(segments, 2)
    one, two = read(a), read(b)
    write(a, two), write(b, one)
    ok &= objects("%s and %s swapped" % (a, b))
    write(a, one), write(b, two)

    # Places are drawn over all bytes, and each file gets its share at least once.
    sizes = {n: os.path.getsize(os.path.join(store, n)) for n in names}
    for i in range(50):
        n = names[i] if i < len(names) else r.choices(names, [sizes[n] for n in names])[0]
        at, bit = r.randrange(sizes[n]), r.randrange(8)
        keep = read(n)
        bad = bytearray(keep)
        bad[at] ^= 1 << bit
        write(n, bad)
        ok &= objects("bit %d of byte %d of %s flipped" % (bit, at, n))
        write(n, keep)
    status = verify()
    if status != 0:
        print("verify exits %d after all was put back" % status)
        ok = False
    return ok


if __name__ == "__main__":
    command, args = sys.argv[1], sys.argv[2:]
    if command == "tree":
        tree(args[0], int(args[1]))
    elif command == "compare":
        sys.exit(not compare(*args))
    elif command == "damage":
        sys.exit(not damage(args[0], args[1], int(args[2])))
    else:
        sys.exit("usage: oracle.py tree|compare|damage …")

package ntfsgen

// lznt1 compresses b ([MS-XCA] 2.5) as one compression unit. It looks for
// matches in one place only, which is enough to be worth storing.
func lznt1(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := min(4096, len(b))
		chunk := lznt1Chunk(b[:n])
		if len(chunk) >= 4096 {
			out = le.AppendUint16(out, 0x3000|uint16(n-1))
			out = append(out, b[:n]...)
		} else {
			out = le.AppendUint16(out, 0xB000|uint16(len(chunk)-1))
			out = append(out, chunk...)
		}
		b = b[n:]
	}
	return append(out, 0, 0)
}

// lznt1Chunk returns the tokens of a chunk of 4096 bytes at most.
func lznt1Chunk(b []byte) []byte {
	var out []byte
	var last [4096]int // position after the last place with this hash
	flags, bit := 0, 8
	for i := 0; i < len(b); {
		if bit == 8 {
			flags, bit = len(out), 0
			out = append(out, 0)
		}
		// The further into the chunk, the more bits has the distance.
		shift := 12
		for d := i - 1; d >= 16; d >>= 1 {
			shift--
		}
		length, from := 0, 0
		if i+3 <= len(b) {
			h := (int(b[i])<<8 ^ int(b[i+1])<<4 ^ int(b[i+2])) & 4095
			if last[h] > 0 {
				from = last[h] - 1
				most := min(len(b)-i, 1<<shift-1+3)
				for length < most && b[from+length] == b[i+length] {
					length++
				}
			}
			last[h] = i + 1
		}
		if length >= 3 {
			out[flags] |= 1 << bit
			out = le.AppendUint16(out, uint16((i-from-1)<<shift|(length-3)))
			i += length
		} else {
			out = append(out, b[i])
			i++
		}
		bit++
	}
	return out
}

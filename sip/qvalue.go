package sip

// AppendQ appends q, in thousandths, as a qvalue without needless zeros (RFC 3261 25.1): 0, 0.5, 0.333, 1. More than
// 1000 is 1.
func AppendQ(dst []byte, q uint16) []byte {
	if q >= 1000 {
		return append(dst, '1')
	}
	dst = append(dst, '0')
	if q == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+q/100))
	if q%100 != 0 {
		dst = append(dst, byte('0'+q/10%10))
	}
	if q%10 != 0 {
		dst = append(dst, byte('0'+q%10))
	}
	return dst
}

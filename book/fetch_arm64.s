#include "textflag.h"

// func Fetch(a, b, c, d unsafe.Pointer)
TEXT ·Fetch(SB), NOSPLIT, $0-32
	MOVD	a+0(FP), R0
	MOVD	b+8(FP), R1
	MOVD	c+16(FP), R2
	MOVD	d+24(FP), R3
	PRFM	(R0), PLDL1KEEP
	PRFM	(R1), PLDL1KEEP
	PRFM	(R2), PLDL1KEEP
	PRFM	(R3), PLDL1KEEP
	RET

#include "go_asm.h"
#include "textflag.h"

// Each constant fills a register of 32 bytes.
DATA fold<>+0(SB)/8, $0x2020202020202020
DATA fold<>+8(SB)/8, $0x6161616161616161
DATA fold<>+16(SB)/8, $0x1919191919191919
DATA fold<>+24(SB)/8, $0x3030303030303030
DATA fold<>+32(SB)/8, $0x0909090909090909
GLOBL fold<>(SB), RODATA|NOPTR, $40

// CLASSIFY sets in m the bits of the letters and digits among the bytes of y. Letters are
// those of which (b|0x20)-'a' is at most 25, digits those of which b-'0' is at most 9.
#define CLASSIFY(y, m) \
	VPOR    Y8, y, Y2;     \
	VPSUBB  Y9, Y2, Y2;    \
	VPMINUB Y10, Y2, Y3;   \
	VPCMPEQB Y2, Y3, Y2;   \
	VPSUBB  Y11, y, Y4;    \
	VPMINUB Y12, Y4, Y5;   \
	VPCMPEQB Y4, Y5, Y4;   \
	VPOR    Y2, Y4, Y2;    \
	VPMOVMSKB Y2, m

// EDGE stores the position of the lowest bit of R8, and clears it.
#define EDGE(offset) \
	TZCNTQ R8, R9;         \
	ADDL   CX, R9;         \
	MOVL   R9, offset(R10); \
	BLSRQ  R8, R8

// func listEdgesAVX2(edges *uint32, n int, text *byte, pos, last int, in uint64) (int, int, uint64)
TEXT ·listEdgesAVX2(SB), NOSPLIT, $0-72
	MOVQ edges+0(FP), DI
	MOVQ n+8(FP), BX
	MOVQ text+16(FP), SI
	MOVQ pos+24(FP), CX
	MOVQ last+32(FP), DX
	MOVQ in+40(FP), R11
	VPBROADCASTQ fold<>+0(SB), Y8
	VPBROADCASTQ fold<>+8(SB), Y9
	VPBROADCASTQ fold<>+16(SB), Y10
	VPBROADCASTQ fold<>+24(SB), Y11
	VPBROADCASTQ fold<>+32(SB), Y12

step:
	CMPQ CX, DX
	JGT  done
	CMPQ BX, $(2*const_blockWords)
	JGE  done
	VMOVDQU (SI)(CX*1), Y0
	VMOVDQU 32(SI)(CX*1), Y1
	VPOR    Y0, Y1, Y2
	VPMOVMSKB Y2, R8
	TESTL   R8, R8
	JNZ     done
	CLASSIFY(Y0, R8)
	CLASSIFY(Y1, R9)
	SHLQ $32, R9
	ORQ  R9, R8
	MOVQ R8, R9
	LEAQ (R11)(R8*2), R12 // bits shifted by one, and the one before them
	SHRQ $63, R9
	MOVQ R9, R11
	XORQ R12, R8
	POPCNTQ R8, R13
	LEAQ (DI)(BX*4), R10
	ADDQ R13, BX

eight:
	EDGE(0)
	EDGE(4)
	EDGE(8)
	EDGE(12)
	EDGE(16)
	EDGE(20)
	EDGE(24)
	EDGE(28)
	ADDQ $32, R10
	TESTQ R8, R8
	JNZ  eight
	ADDQ $64, CX
	JMP  step

done:
	VZEROUPPER
	MOVQ CX, ret+48(FP)
	MOVQ BX, ret1+56(FP)
	MOVQ R11, ret2+64(FP)
	RET

// MIX sets r to mix(r) and uses R9 and DX; R12 has wordMul.
#define MIX(r) \
	MOVQ  r, DX;       \
	MULXQ R12, R9, r;  \
	XORQ  R9, r

// func hashWordsBMI2(hash *uint64, edges *uint32, n int, text *byte)
TEXT ·hashWordsBMI2(SB), NOSPLIT, $0-32
	MOVQ hash+0(FP), DI
	MOVQ edges+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ text+24(FP), R8
	MOVQ $const_wordMul, R12
	MOVQ $const_wordSeed, R13
	MOVQ fold<>+0(SB), R15
	TESTQ CX, CX
	JLE  end

word:
	MOVL (SI), AX
	MOVL 4(SI), BX
	ADDQ $8, SI
	SUBL AX, BX
	MOVQ (R8)(AX*1), R10
	ORQ  R15, R10
	CMPL BX, $16
	JHI  long

	// Words of up to eight bytes and of up to sixteen take the same steps: which one it is cannot
	// be foreseen.
	MOVQ 8(R8)(AX*1), R11
	ORQ  R15, R11
	SHLL $3, BX
	BZHIQ BX, R10, R10
	XORQ R13, R10
	MIX(R10)
	SUBL $64, BX
	MOVL BX, AX
	BZHIQ AX, R11, R11
	XORQ R10, R11
	MIX(R11)
	TESTL BX, BX
	CMOVQLE R10, R11
	MOVQ R11, (DI)
	ADDQ $8, DI
	DECQ CX
	JNZ  word

end:
	RET

long:
	MOVQ R13, R11

eight:
	XORQ R10, R11
	MIX(R11)
	ADDQ $8, AX
	MOVQ (R8)(AX*1), R10
	ORQ  R15, R10
	SUBL $8, BX
	CMPL BX, $8
	JHI  eight
	SHLL $3, BX
	BZHIQ BX, R10, R10
	XORQ R10, R11
	MIX(R11)
	MOVQ R11, (DI)
	ADDQ $8, DI
	DECQ CX
	JNZ  word
	RET

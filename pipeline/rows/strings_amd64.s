#include "go_asm.h"
#include "textflag.h"

DATA string<>+0(SB)/8, $0x2222222222222222
DATA string<>+8(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA string<>+16(SB)/8, $0x1F1F1F1F1F1F1F1F
GLOBL string<>(SB), RODATA|NOPTR, $24

// SPECIAL sets in R8 the bits of the bytes of Y0 that are a quote, a backslash or a control
// character, with whether there are any in the flags.
#define SPECIAL \
	VPCMPEQB Y0, Y8, Y1;   \
	VPCMPEQB Y0, Y9, Y2;   \
	VPMINUB Y0, Y10, Y3;   \
	VPCMPEQB Y0, Y3, Y3;   \
	VPOR    Y1, Y2, Y2;    \
	VPOR    Y2, Y3, Y3;    \
	VPMOVMSKB Y3, R8;      \
	TESTL   R8, R8

#define CONSTANTS \
	VPBROADCASTQ string<>+0(SB), Y8;  \
	VPBROADCASTQ string<>+8(SB), Y9;  \
	VPBROADCASTQ string<>+16(SB), Y10; \
	VPXOR Y11, Y11, Y11

// func unquoteAVX2(dst, src *byte, last int) (read, written int, high uint32)
TEXT ·unquoteAVX2(SB), NOSPLIT, $0-44
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ last+16(FP), DX
	XORL CX, CX // bytes read
	XORL BX, BX // bytes written
	LEAQ ·plainEscape(SB), R10
	CONSTANTS

step:
	CMPQ CX, DX
	JGT  done
	VMOVDQU (SI)(CX*1), Y0
	VMOVDQU Y0, (DI)(BX*1)
	VPOR Y0, Y11, Y11
	SPECIAL
	JNZ  found
	ADDQ $32, CX
	ADDQ $32, BX
	JMP  step

found:
	TZCNTL R8, R8
	ADDQ R8, CX
	ADDQ R8, BX
	CMPB (SI)(CX*1), $0x5C
	JNE  done
	LEAQ -30(CX), R9
	CMPQ R9, DX // the byte behind is one of src's
	JGT  done
	MOVBLZX 1(SI)(CX*1), AX
	MOVBLZX (R10)(AX*1), AX
	TESTL AX, AX
	JZ   done
	MOVB AX, (DI)(BX*1)
	ADDQ $2, CX
	INCQ BX
	JMP  step

done:
	VPMOVMSKB Y11, AX
	VZEROUPPER
	MOVQ CX, read+24(FP)
	MOVQ BX, written+32(FP)
	MOVL AX, high+40(FP)
	RET

// func skipAVX2(src *byte, last int) (read int, odd uint32)
TEXT ·skipAVX2(SB), NOSPLIT, $0-28
	MOVQ src+0(FP), SI
	MOVQ last+8(FP), DX
	XORL CX, CX
	XORL R11, R11 // whether there was an escape
	LEAQ ·plainEscape(SB), R10
	CONSTANTS

step:
	CMPQ CX, DX
	JGT  done
	VMOVDQU (SI)(CX*1), Y0
	VPOR Y0, Y11, Y11
	SPECIAL
	JNZ  found
	ADDQ $32, CX
	JMP  step

found:
	TZCNTL R8, R8
	ADDQ R8, CX
	CMPB (SI)(CX*1), $0x5C
	JNE  done
	LEAQ -30(CX), R9
	CMPQ R9, DX
	JGT  done
	MOVBLZX 1(SI)(CX*1), AX
	MOVBLZX (R10)(AX*1), AX
	ORL  AX, R11
	TESTL AX, AX
	JZ   done
	ADDQ $2, CX
	JMP  step

done:
	VPMOVMSKB Y11, AX
	ORL  R11, AX
	VZEROUPPER
	MOVQ CX, read+16(FP)
	MOVL AX, odd+24(FP)
	RET

// The tables of validAVX2: by the high and the low half of a byte and by the high half of the next one,
// the errors that the pair can have, a bit each.
DATA pairs<>+0(SB)/8, $0x0202020202020202
DATA pairs<>+8(SB)/8, $0x4915012180808080
DATA pairs<>+16(SB)/8, $0xCBCBCB8B8383A3E7
DATA pairs<>+24(SB)/8, $0xCBCBDBCBCBCBCBCB
DATA pairs<>+32(SB)/8, $0x0101010101010101
DATA pairs<>+40(SB)/8, $0x01010101BABAAEE6
DATA pairs<>+48(SB)/8, $0x0F0F0F0F0F0F0F0F
DATA pairs<>+56(SB)/8, $0x6060606060606060 // 0xE0-0x80
DATA pairs<>+64(SB)/8, $0x7070707070707070 // 0xF0-0x80
DATA pairs<>+72(SB)/8, $0x8080808080808080
DATA pairs<>+80(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA pairs<>+88(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA pairs<>+96(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA pairs<>+104(SB)/8, $0xBFDFEFFFFFFFFFFF // what begins a rune there goes on behind it
GLOBL pairs<>(SB), RODATA|NOPTR, $112

// func validAVX2(p *byte, n int) bool
TEXT ·validAVX2(SB), NOSPLIT, $0-17
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), DX
	VBROADCASTI128 pairs<>+0(SB), Y8
	VBROADCASTI128 pairs<>+16(SB), Y9
	VBROADCASTI128 pairs<>+32(SB), Y10
	VPBROADCASTQ pairs<>+48(SB), Y11
	VPBROADCASTQ pairs<>+56(SB), Y12
	VPBROADCASTQ pairs<>+64(SB), Y13
	VPBROADCASTQ pairs<>+72(SB), Y14
	VMOVDQU pairs<>+80(SB), Y15
	VPXOR Y7, Y7, Y7 // errors
	VPXOR Y6, Y6, Y6 // the bytes before

step:
	SUBQ $32, DX
	JL   done
	VMOVDQU (SI), Y0
	ADDQ $32, SI
	VPMOVMSKB Y0, AX
	TESTL AX, AX
	JNZ  wide
	VPSUBUSB Y15, Y6, Y1
	VPOR Y1, Y7, Y7
	VMOVDQA Y0, Y6
	JMP  step

wide:
	VPERM2I128 $0x21, Y0, Y6, Y5 // the high half of what was before, and the low one of this
	VMOVDQA Y0, Y6
	VPALIGNR $15, Y5, Y0, Y1     // each byte's predecessor
	VPALIGNR $14, Y5, Y0, Y2
	VPALIGNR $13, Y5, Y0, Y3
	VPSRLW $4, Y1, Y4
	VPAND Y11, Y4, Y4
	VPSHUFB Y4, Y8, Y4
	VPAND Y11, Y1, Y1
	VPSHUFB Y1, Y9, Y1
	VPAND Y1, Y4, Y4
	VPSRLW $4, Y0, Y1
	VPAND Y11, Y1, Y1
	VPSHUFB Y1, Y10, Y1
	VPAND Y1, Y4, Y4
	VPSUBUSB Y12, Y2, Y2
	VPSUBUSB Y13, Y3, Y3
	VPOR Y2, Y3, Y3
	VPAND Y14, Y3, Y3
	VPXOR Y3, Y4, Y4
	VPOR Y4, Y7, Y7
	JMP  step

done:
	VPTEST Y7, Y7
	SETEQ ret+16(FP)
	VZEROUPPER
	RET

; Far jumps and calls, call gates of both widths with parameters, and far returns, in protected mode (SDM vol. 3, 5.8; vol. 2,
; JMP, CALL, RET).
; QEMU 7.2: no limit is checked (EIP, room on the inner stack, the outer stack of parameters), an EIP beyond it faults late or with
; the selector; a call gate to conforming code changes the level (vol. 3, 5.8.4); a stack that is not present is #TS or #NP instead of
; #SS, and the accessed bit of an inner stack is not set (vol. 3, 3.4.5.1).
%include "ring0.inc"

; A pointer that indirect jumps and calls use: 48 bits.
POINTER equ 0x2F0000
%macro far_to 2
        mov dword [POINTER], %2
        mov word [POINTER + 4], %1
%endmacro
; callgate SEL, CODE, LABEL, PARAMETERS, DPL
%macro callgate 5
        putgate GDT + ((%1) & ~7), %2, ADDR(%3), G_CALL32 | DPL(%5), %4
%endmacro

cases
show S_CS
; ---- direct ----
        case "JMP to code of this level"        ;= ok cs=0008
        op      jmp CODE0:..@j1
..@j1:
        case "JMP to null"              ;= #GP(0000) at cs=0008
        op      jmp 0:..@j2
..@j2:
        case "JMP past the table"       ;= #GP(0300) at cs=0008
        op      jmp GDT_LIMIT + 1:..@j3
..@j3:
        case "JMP to data"              ;= #GP(0010) at cs=0008
        op      jmp DATA0:..@j4
..@j4:
        case "JMP to code that is not present"  ;= #NP(0090) at cs=0008
                put GDT + T0, 0, 0xFFFFF, A_CODE & ~0x80, F_32 | F_G
        op      jmp T0:..@j5
..@j5:
        case "JMP to outer code"        ;= #GP(0048) at cs=0008
        op      jmp CODE3:..@j6
..@j6:
        case "JMP to inner code"        ;= #GP(0008) at cs=004B
                ring 3
        op      jmp CODE0:..@j7
..@j7:
        case "JMP with RPL above CPL"   ;= #GP(0008) at cs=0008
        op      jmp CODE0 + 3:..@j8
..@j8:
        case "JMP with RPL below CPL"   ;= ok cs=004B
                ring 3
        op      jmp CODE3 - 3:..@j9
..@j9:
        case "JMP to inner conforming code keeps CPL"   ;= ok cs=0093
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
                ring 3
        op      jmp T0:..@j10
..@j10:
        case "JMP to outer conforming code"     ;= #GP(0090) at cs=0008
                put GDT + T0, 0, 0xFFFFF, A_CONF | DPL(3), F_32 | F_G
        op      jmp T0:..@j11
..@j11:
        case "JMP to conforming code, any RPL"  ;= ok cs=0090
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
        op      jmp T0 + 3:..@j12
..@j12:
        case "JMP beyond the limit"     ;= #GP(0000) at cs=0008
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
        op      jmp T0:0x1000
        case "JMP to execute-only code" ;= ok cs=0090
                put GDT + T0, 0, 0xFFFFF, A_CODEXO, F_32 | F_G
        op      jmp T0:..@j13
..@j13:
        case "JMP to an LDT"            ;= #GP(0068) at cs=0008
        op      jmp SEL_LDT:0
        case "JMP to an interrupt gate" ;= #GP(0090) at cs=0008
                putgate GDT + T0, CODE0, ADDR(..@j14), G_INT32, 0
        op      jmp T0:0
..@j14:
        case "JMP to a reserved type"   ;= #GP(0090) at cs=0008
                put GDT + T0, 0, 0xFFFFF, 0x8D, 0
        op      jmp T0:0
        case "JMP to a reserved type that is not present"       ;= #GP(0090) at cs=0008
                put GDT + T0, 0, 0xFFFFF, 0x08, 0
        op      jmp T0:0
        case "JMP to code in the LDT"   ;= ok cs=000C
                put LDT + 8, 0, 0xFFFFF, A_CODE, F_32 | F_G
        op      jmp 0xC:..@j15
..@j15:
        case "JMP through memory"       ;= ok cs=0008
                far_to CODE0, ..@j16
        op      jmp far [POINTER]
        ud2
..@j16:
        case "JMP through a register"   ;= #UD at cs=0008
        op      db 0xFF, 0xE8
        case "CALL FAR through a register"      ;= #UD at cs=0008
        op      db 0xFF, 0xD8

show S_CS | S_EAX | S_SP
        case "CALL, CS in a doubleword" ;= ok cs=0008 eax=00000008 sp=0010:0008FFF8
        op      call CODE0:..@c1
..@c1:          mov eax, [esp + 4]
        case "CALL, the return address" ;= ok cs=0008 eax=00000000 sp=0010:0008FFF8
        op      call CODE0:..@c2
..@c2:          mov eax, [esp]
                sub eax, ..@c2
        case "CALL of 16 bits"          ;= ok cs=0018 eax=00180010 sp=0020:00006FFC
                ring16 0
                call CODE16:OFF16(..@c3)
..@c3:          mov eax, [esp]
                sub ax, OFF16(..@c3) - 0x10
        case "CALL to inner code"       ;= #GP(0008) at cs=004B eax=00000053 sp=0053:00216000
                ring 3
        op      call CODE0:..@c4
..@c4:
        case "CALL to inner conforming code"    ;= ok cs=0093 eax=0000004B sp=0053:00215FF8
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
                ring 3
        op      call T0:..@c5
..@c5:          mov eax, [esp + 4]
        case "CALL beyond the limit leaves the stack"   ;= #GP(0000) at cs=0008 eax=00000000 sp=0010:00090000
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
        op      call T0:0x1000

; ---- 32-bit call gates ----
        case "gate, same level"         ;= ok cs=0008 eax=00000008 sp=0010:0008FFF8
                callgate T0, CODE0, ..@g1, 0, 0
        op      call T0:0x12345678
        ud2
..@g1:          mov eax, [esp + 4]
        case "gate, same level, parameters are not copied"      ;= ok cs=0008 eax=11111111 sp=0010:0008FFF4
                callgate T0, CODE0, ..@g2, 3, 0
                push dword 0x11111111
        op      call T0:0
..@g2:          mov eax, [esp + 8]
        case "JMP through a gate, same level"   ;= ok cs=0008 eax=00000000 sp=0010:00090000
                callgate T0, CODE0, ..@g3, 0, 0
        op      jmp T0:0
        ud2
..@g3:
        case "gate from 3 to 0, old CS" ;= ok cs=0008 eax=0000004B sp=0010:0020FFF0
                callgate T0, CODE0, ..@g4, 0, 3
                ring 3
        op      call T0 + 3:0
..@g4:          mov eax, [esp + 4]
        case "gate from 3 to 0, old ESP"        ;= ok cs=0008 eax=00216000 sp=0010:0020FFF0
                callgate T0, CODE0, ..@g5, 0, 3
                ring 3
        op      call T0 + 3:0
..@g5:          mov eax, [esp + 8]
        case "gate from 3 to 0, old SS" ;= ok cs=0008 eax=00000053 sp=0010:0020FFF0
                callgate T0, CODE0, ..@g6, 0, 3
                ring 3
        op      call T0 + 3:0
..@g6:          mov eax, [esp + 12]
        case "gate from 3 to 1"         ;= ok cs=0029 eax=0000004B sp=0031:00211FF0
                callgate T0, CODE1, ..@g7, 0, 3
                ring 3
        op      call T0 + 3:0
..@g7:          mov eax, [esp + 4]
        case "gate from 2 to 1"         ;= ok cs=0029 eax=0000003A sp=0031:00211FF0
                callgate T0, CODE1, ..@g8, 0, 3
                ring 2
        op      call T0 + 3:0
..@g8:          mov eax, [esp + 4]
        case "gate, the selector's RPL does not matter" ;= ok cs=003A eax=0000004B sp=0042:00213FF0
                callgate T0, CODE2 - 2 + 1, ..@g9, 0, 3
                ring 3
        op      call T0 + 3:0
..@g9:          mov eax, [esp + 4]
        case "parameters: the last pushed"      ;= ok cs=0008 eax=22222222 sp=0010:0020FFE8
                callgate T0, CODE0, ..@g10, 2, 3
                ring 3
                push dword 0x11111111
                push dword 0x22222222
        op      call T0 + 3:0
..@g10:         mov eax, [esp + 8]
        case "parameters: the first pushed"     ;= ok cs=0008 eax=11111111 sp=0010:0020FFE8
                callgate T0, CODE0, ..@g11, 2, 3
                ring 3
                push dword 0x11111111
                push dword 0x22222222
        op      call T0 + 3:0
..@g11:         mov eax, [esp + 12]
        case "parameters: ESP below them"       ;= ok cs=0008 eax=00215FF8 sp=0010:0020FFE8
                callgate T0, CODE0, ..@g12, 2, 3
                ring 3
                push dword 0x11111111
                push dword 0x22222222
        op      call T0 + 3:0
..@g12:         mov eax, [esp + 16]
        case "31 parameters"            ;= ok cs=0008 eax=33333333 sp=0010:0020FF74
                callgate T0, CODE0, ..@g13, 31, 3
                ring 3
                push dword 0x33333333
                sub esp, 30 * 4
        op      call T0 + 3:0
..@g13:         mov eax, [esp + 8 + 30 * 4]
        case "the count has five bits"  ;= ok cs=0008 eax=0000004B sp=0010:0020FFEC
                callgate T0, CODE0, ..@g14, 0xE1, 3
                ring 3
                push dword 0x33333333
        op      call T0 + 3:0
..@g14:         mov eax, [esp + 4]
        case "gate to conforming code keeps CPL and stack"      ;= ok cs=009B eax=0000004B sp=0053:00215FF8
                put GDT + T1, 0, 0xFFFFF, A_CONF, F_32 | F_G
                callgate T0, T1, ..@g15, 2, 3
                ring 3
        op      call T0 + 3:0
..@g15:         mov eax, [esp + 4]

show S_CS
        case "gate of DPL 0 at CPL 3"   ;= #GP(0090) at cs=004B
                callgate T0, CODE0, ..@h1, 0, 0
                ring 3
        op      call T0:0
..@h1:
        case "gate of DPL 0 with RPL 3" ;= #GP(0090) at cs=0008
                callgate T0, CODE0, ..@h2, 0, 0
        op      call T0 + 3:0
..@h2:
        case "gate that is not present" ;= #NP(0090) at cs=0008
                putgate GDT + T0, CODE0, 0, G_CALL32 & ~0x80, 0
        op      call T0:0
        case "gate neither present nor allowed" ;= #GP(0090) at cs=004B
                putgate GDT + T0, CODE0, 0, G_CALL32 & ~0x80, 0
                ring 3
        op      call T0:0
        case "gate to null"             ;= #GP(0000) at cs=0008
                callgate T0, 0, ..@h3, 0, 0
        op      call T0:0
..@h3:
        case "gate past the table"      ;= #GP(0300) at cs=0008
                callgate T0, GDT_LIMIT + 1, ..@h4, 0, 0
        op      call T0:0
..@h4:
        case "gate to data"             ;= #GP(0010) at cs=0008
                callgate T0, DATA0, ..@h5, 0, 0
        op      call T0:0
..@h5:
        case "gate to a gate"           ;= #GP(0090) at cs=0008
                callgate T0, T0, ..@h6, 0, 0
        op      call T0:0
..@h6:
        case "gate to outer code"       ;= #GP(0048) at cs=0008
                callgate T0, CODE3, ..@h7, 0, 0
        op      call T0:0
..@h7:
        case "gate to code that is not present" ;= #NP(0098) at cs=004B
                put GDT + T1, 0, 0xFFFFF, A_CODE & ~0x80, F_32 | F_G
                callgate T0, T1, ..@h8, 0, 3
                ring 3
        op      call T0:0
..@h8:
        case "JMP through a gate to inner code" ;= #GP(0008) at cs=004B
                callgate T0, CODE0, ..@h9, 0, 3
                ring 3
        op      jmp T0:0
..@h9:
        case "JMP through a gate to inner conforming code"      ;= ok cs=009B
                put GDT + T1, 0, 0xFFFFF, A_CONF, F_32 | F_G
                callgate T0, T1, ..@h10, 0, 3
                ring 3
        op      jmp T0:0
..@h10:
        case "gate beyond the limit"    ;= #GP(0000) at cs=0008
                put GDT + T1, 0, 0xFFF, A_CODE, F_32
                putgate GDT + T0, T1, 0x1000, G_CALL32, 0
        op      call T0:0
        case "gate to inner code beyond the limit"      ;= #GP(0000) at cs=004B
                put GDT + T1, 0, 0xFFF, A_CODE, F_32
                putgate GDT + T0, T1, 0x1000, G_CALL32 | DPL(3), 0
                ring 3
        op      call T0:0
        case "JMP to a gate's own code, gate of DPL 3"  ;= ok cs=004B
                callgate T0, CODE3, ..@h11, 0, 3
                ring 3
        op      jmp T0:0
..@h11:

; ---- the inner stack ----
%macro inner 1-2 DATA1 ; LABEL: from ring 3 to ring 1, with SS1 as given
                callgate T0, CODE1, %1, 0, 3
                mov dword [TSS_A + 16], %2
                ring 3
%endmacro
        case "inner stack: null"        ;= #TS(0000) at cs=004B
                inner ..@s1, 0
        op      call T0:0
..@s1:
        case "inner stack: RPL is not the level"        ;= #TS(0030) at cs=004B
                inner ..@s2, DATA1 - 1
        op      call T0:0
..@s2:
        case "inner stack: DPL is not the level"        ;= #TS(0010) at cs=004B
                inner ..@s3, DATA0 + 1
        op      call T0:0
..@s3:
        case "inner stack: past the table"      ;= #TS(0300) at cs=004B
                inner ..@s4, GDT_LIMIT + 2
        op      call T0:0
..@s4:
        case "inner stack: read-only"   ;= #TS(0098) at cs=004B
                put GDT + T1, 0, 0xFFFFF, A_DATARO | DPL(1), F_32 | F_G
                inner ..@s5, T1 + 1
        op      call T0:0
..@s5:
        case "inner stack: code"        ;= #TS(0028) at cs=004B
                inner ..@s6, CODE1
        op      call T0:0
..@s6:
        case "inner stack: not present" ;= #SS(0098) at cs=004B
                put GDT + T1, 0, 0xFFFFF, A_DATA & ~0x80 | DPL(1), F_32 | F_G
                inner ..@s7, T1 + 1
        op      call T0:0
..@s7:
        case "inner stack: no room"     ;= #SS(0098) at cs=004B
                put GDT + T1, 0, 0xFFF, A_DATA | DPL(1), F_32
                inner ..@s8, T1 + 1
        op      call T0:0
..@s8:
        case "inner stack: room for all but one byte"   ;= #SS(0098) at cs=004B
                put GDT + T1, 0, 0xFFF, A_DOWN | DPL(1), F_32
                mov dword [TSS_A + 12], 0x100F
                inner ..@s9, T1 + 1
        op      call T0:0
..@s9:
        case "inner stack: just enough room"    ;= ok cs=0029
                put GDT + T1, 0x60000, 0xFFF, A_DOWN | DPL(1), F_32
                mov dword [TSS_A + 12], 0x1010
                inner ..@s10, T1 + 1
        op      call T0:0
..@s10:
        case "inner stack: the TSS is too short"        ;= #TS(0070) at cs=004B
                put GDT + SEL_A, TSS_A, 0x10, 0x89, 0
                mov ax, SEL_A
                ltr ax
                inner ..@s11
        op      call T0:0
..@s11:
        case "inner stack: its accessed bit is set"     ;= #UD at cs=0029
                put GDT + T1, 0, 0xFFFFF, 0x92 | DPL(1), F_32 | F_G
                inner ..@s12, T1 + 1
                call T0:0
..@s12:         test byte [cs:GDT + T1 + 5], 1
                jz $ + 4
        op      ud2
        case "outer parameters are read at CPL 3's stack limit" ;= #SS(0000) at cs=004B
                put GDT + T1, 0, 0xFFF, A_DATA | DPL(3), F_32
                callgate T0, CODE1, ..@s13, 2, 3
                ring 3
                mov ax, T1 + 3
                mov ss, ax
                mov esp, 0xFFC
        op      call T0:0
..@s13:

; ---- 16-bit call gates ----
show S_CS | S_EAX | S_SP
        case "16-bit gate, same level"  ;= ok cs=0018 eax=00080000 sp=0020:00006FFC
                putgate GDT + T0, CODE16, OFF16(..@w1), G_CALL16, 0
                mov ax, DATA16
                mov ss, ax
                mov esp, LOW0
        op      call T0:0
..@w0:
bits 16
..@w1:          mov eax, [esp]
                sub ax, (..@w0 - image) & 0xFFFF
        case "16-bit gate: the upper half of the offset does not count" ;= ok cs=0018 eax=00000000 sp=0020:00007000
                putgate GDT + T0, CODE16, OFF16(..@w2), G_CALL16, 0
                mov word [GDT + T0 + 6], 0x1234
                mov ax, DATA16
                mov ss, ax
                mov esp, LOW0
                xor eax, eax
        op      jmp T0:0
bits 16
..@w2:
        case "16-bit gate from 3 to 0: SS and SP" ;= ok cs=0018 eax=00536000 sp=0010:0020FFF8
                putgate GDT + T0, CODE16, OFF16(..@w3), G_CALL16 | DPL(3), 0
                ring 3
        op      call T0:0
bits 16
..@w3:          mov eax, [esp + 4]
        case "16-bit gate from 3 to 0: CS and IP" ;= ok cs=0018 eax=004B0000 sp=0010:0020FFF8
                putgate GDT + T0, CODE16, OFF16(..@w5), G_CALL16 | DPL(3), 0
                ring 3
        op      call T0:0
..@w4:
bits 16
..@w5:          mov eax, [esp]
                sub ax, (..@w4 - image) & 0xFFFF
        case "16-bit gate, parameters are words"        ;= ok cs=0018 eax=11112222 sp=0010:0020FFF4
                putgate GDT + T0, CODE16, OFF16(..@w6), G_CALL16 | DPL(3), 2
                ring 3
                push word 0x1111
                push word 0x2222
        op      call T0:0
bits 16
..@w6:          mov eax, [esp + 4]

; ---- returns ----
%macro frame 2-4 ; CS, EIP, ESP, SS as RETF finds them
  %if %0 == 4
                push dword %4
                push dword %3
  %endif
                push dword %1
                push dword %2
%endmacro
show S_CS | S_SP
        case "RETF, same level"         ;= ok cs=0008 sp=0010:00090000
                frame CODE0, ..@r1
        op      retf
        ud2
..@r1:
        case "RETF n, same level"       ;= ok cs=0008 sp=0010:00090008
                frame CODE0, ..@r2
        op      retf 8
        ud2
..@r2:
        case "RETF to ring 3"           ;= ok cs=004B sp=0053:00215000
                frame CODE3, ..@r3, 0x215000, DATA3
        op      retf
        ud2
..@r3:
        case "RETF n to ring 3 drops from both stacks"  ;= ok cs=004B sp=0053:00215008
                push dword DATA3
                push dword 0x215000
                sub esp, 8
                frame CODE3, ..@r4
        op      retf 8
        ud2
..@r4:
        case "RETF to ring 1"           ;= ok cs=0029 sp=0031:00211000
                frame CODE1, ..@r5, 0x211000, DATA1
        op      retf
        ud2
..@r5:
        case "RETF from ring 1 to 2"    ;= ok cs=003A sp=0042:00213000
                ring 1
                frame CODE2, ..@r6, 0x213000, DATA2
        op      retf
        ud2
..@r6:
        case "RETF to an inner level"   ;= #GP(0008) at cs=004B sp=0053:00215FF8
                ring 3
                frame CODE0, ..@r7
        op      retf
..@r7:
        case "RETF to null"             ;= #GP(0000) at cs=0008 sp=0010:0008FFF8
                frame 3, ..@r8
        op      retf
..@r8:
        case "RETF past the table"      ;= #GP(0300) at cs=0008 sp=0010:0008FFF8
                frame GDT_LIMIT + 1, ..@r9
        op      retf
..@r9:
        case "RETF to data"             ;= #GP(0010) at cs=0008 sp=0010:0008FFF8
                frame DATA0, ..@r10
        op      retf
..@r10:
        case "RETF, RPL 3 to code of DPL 0"     ;= #GP(0008) at cs=0008 sp=0010:0008FFF0
                frame CODE0 + 3, ..@r11, 0x215000, DATA3
        op      retf
..@r11:
        case "RETF, RPL 0 to code of DPL 3"     ;= #GP(0048) at cs=0008 sp=0010:0008FFF8
                frame CODE3 - 3, ..@r12
        op      retf
..@r12:
        case "RETF to conforming code of a lower DPL"   ;= ok cs=0093 sp=0053:00215000
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
                frame T0 + 3, ..@r13, 0x215000, DATA3
        op      retf
        ud2
..@r13:
        case "RETF to conforming code of a higher DPL"  ;= #GP(0090) at cs=0008 sp=0010:0008FFF0
                put GDT + T0, 0, 0xFFFFF, A_CONF | DPL(3), F_32 | F_G
                frame T0 + 1, ..@r14, 0x211000, DATA1
        op      retf
..@r14:
        case "RETF to code that is not present" ;= #NP(0090) at cs=0008 sp=0010:0008FFF8
                put GDT + T0, 0, 0xFFFFF, A_CODE & ~0x80, F_32 | F_G
                frame T0, ..@r15
        op      retf
..@r15:
        case "RETF beyond the limit"    ;= #GP(0000) at cs=0008 sp=0010:0008FFF8
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
                frame T0, 0x1000
        op      retf
        case "RETF to ring 3 beyond the limit"  ;= #GP(0000) at cs=0008 sp=0010:0008FFF0
                put GDT + T0, 0, 0xFFF, A_CODE | DPL(3), F_32
                frame T0 + 3, 0x1000, 0x215000, DATA3
        op      retf
        case "RETF to ring 3, SS null"  ;= #GP(0000) at cs=0008 sp=0010:0008FFF0
                frame CODE3, ..@r16, 0x215000, 0
        op      retf
..@r16:
        case "RETF to ring 3, SS of DPL 0"      ;= #GP(0010) at cs=0008 sp=0010:0008FFF0
                frame CODE3, ..@r17, 0x215000, DATA0 + 3
        op      retf
..@r17:
        case "RETF to ring 3, SS with RPL 0"    ;= #GP(0050) at cs=0008 sp=0010:0008FFF0
                frame CODE3, ..@r18, 0x215000, DATA3 - 3
        op      retf
..@r18:
        case "RETF to ring 3, SS read-only"     ;= #GP(0090) at cs=0008 sp=0010:0008FFF0
                put GDT + T0, 0, 0xFFFFF, A_DATARO | DPL(3), F_32 | F_G
                frame CODE3, ..@r19, 0x215000, T0 + 3
        op      retf
..@r19:
        case "RETF to ring 3, SS not present"   ;= #SS(0090) at cs=0008 sp=0010:0008FFF0
                put GDT + T0, 0, 0xFFFFF, A_DATA & ~0x80 | DPL(3), F_32 | F_G
                frame CODE3, ..@r20, 0x215000, T0 + 3
        op      retf
..@r20:
        case "RETF to ring 3, SS past the table"        ;= #GP(0300) at cs=0008 sp=0010:0008FFF0
                frame CODE3, ..@r21, 0x215000, GDT_LIMIT + 4
        op      retf
..@r21:
        case "RETF to ring 3 with a 16-bit stack"       ;= ok cs=004B sp=0063:00085000
                frame CODE3, ..@r22, 0x12345000, DATA163
        op      retf
        ud2
..@r22:
show S_CS | S_SP | S_SEG
        case "RETF to ring 3 empties inner data segments"       ;= ok cs=004B sp=0053:00215000 ds=0000 es=0053 fs=0000 gs=0093
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
                push word DATA3
                pop es
                push word DATA1 - 1
                pop fs
                push word T0 + 3
                pop gs
                mov esp, 0x90000
                frame CODE3, ..@r23, 0x215000, DATA3
        op      retf
        ud2
..@r23:
        case "RETF to ring 1 keeps data of DPL 1 to 3"  ;= ok cs=0029 sp=0031:00211000 ds=0000 es=0053 fs=0042 gs=0031
                push word DATA3
                pop es
                push word DATA2
                pop fs
                push word DATA1
                pop gs
                mov esp, 0x90000
                frame CODE1, ..@r24, 0x211000, DATA1
        op      retf
        ud2
..@r24:
        case "RETF to ring 3 empties inner readable code"       ;= ok cs=004B sp=0053:00215000 ds=0000 es=0000 fs=0000 gs=0000
                push word CODE0
                pop fs
                mov esp, 0x90000
                frame CODE3, ..@r25, 0x215000, DATA3
        op      retf
        ud2
..@r25:
show S_CS | S_SP
        case "RETF of 16 bits"          ;= ok cs=0018 sp=0010:0008FFFC
                push dword 0x12345678
                push word CODE16
                push word OFF16(..@r26)
        op      o16 retf
bits 16
..@r26:
        case "RETF of 16 bits to ring 3"        ;= ok cs=005B sp=0063:00085000
                mov esp, 0x85000
                push word DATA163
                push word 0x5000
                push word CODE163
                push word OFF16(..@r27)
        op      o16 retf
bits 16
..@r27:
        case "call and return through a gate"   ;= ok cs=004B sp=0053:00216000
                callgate T0, CODE0, ..@r28, 2, 3
                ring 3
                push dword 1
                push dword 2
        op      call T0:0
                jmp ..@r29
..@r28:         retf 8
..@r29:
cases_end

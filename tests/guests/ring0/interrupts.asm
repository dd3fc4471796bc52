; Interrupt and trap gates of both widths, their checks, error codes with IDT and EXT bits, and IRET to every level in
; protected mode (SDM vol. 3, 6.11 to 6.13; vol. 2, INT n, IRET).
; QEMU 7.2: no limit is checked (the handler's EIP, EIP of IRET, room on the inner stack); EXT is never set (vol. 3, 6.13);
; INT1 is #UD (vol. 2, INT1); the upper half of a 16-bit gate's offset counts (vol. 3, 6.11); a stack that is not present is #TS or
; #NP instead of #SS (vol. 2, INT n and IRET); IRET obeys VM above CPL 0; a fault does not push RF (vol. 3, 17.3.1.1).
%include "ring0.inc"

IF      equ 0x200
TF      equ 0x100
NT      equ 0x4000

; intgate VECTOR, SELECTOR, LABEL, ACCESS
%macro intgate 4
        putgate IDT + (%1) * 8, %2, ADDR(%3), %4, 0
%endmacro
%macro frame 3-5 ; EFLAGS, CS, EIP, and ESP, SS
  %if %0 == 5
                push dword %5
                push dword %4
  %endif
                push dword %1
                push dword %2
                push dword %3
%endmacro

cases
show S_CS
        case "INT n"                    ;= int31 after cs=0008
        op      int 0x31
        case "INT n from ring 3 to a gate of DPL 0"     ;= #GP(018A) at cs=004B
                ring 3
        op      int 0x31
        case "INT n from ring 3 to a gate of DPL 3"     ;= int31 after cs=004B
                or byte [IDT + 0x31 * 8 + 5], 0x60
                ring 3
        op      int 0x31
        case "INT n from ring 2 to a gate of DPL 2"     ;= int31 after cs=003A
                or byte [IDT + 0x31 * 8 + 5], 0x40
                ring 2
        op      int 0x31
        case "INT n from ring 3 to a gate of DPL 2"     ;= #GP(018A) at cs=004B
                or byte [IDT + 0x31 * 8 + 5], 0x40
                ring 3
        op      int 0x31
        case "INT3 from ring 3 to a gate of DPL 0"      ;= #GP(001A) at cs=004B
                ring 3
        op      int3
        case "INTO from ring 3 to a gate of DPL 0"      ;= #GP(0022) at cs=004B
                ring 3
                mov al, 0x7F
                add al, 1
        op      into
        case "INTO without overflow"    ;= ok cs=0008
                xor eax, eax
        op      into
        case "INTO"                     ;= #OF after cs=0008
                mov al, 0x7F
                add al, 1
        op      into
        case "INT3"                     ;= #BP after cs=0008
        op      int3
        case "INT 3 of two bytes"       ;= #BP after cs=0008
        op      db 0xCD, 3
        case "INT1 from ring 3 needs no privilege"      ;= #DB after dr6=0000 cs=004B
                ring 3
        op      db 0xF1
        case "INT 1 does"               ;= #GP(000A) at cs=004B
                ring 3
        op      int 1
        case "an exception needs none"  ;= #UD at cs=004B
                ring 3
        op      ud2
        case "INT 13 pushes no error code"      ;= ok cs=0008
                intgate 13, CODE0, ..@i1, G_INT32
                xor ebp, ebp
                mov ebx, ADDR(..@i0)
        op      int 13
..@i0:
                ud2
..@i1:          cmp [esp], ebx
                je ..@i2
                ud2
..@i2:
        case "past the IDT"             ;= #GP(0202) at cs=0008
        op      int 0x40
        case "the IDT is one byte short"        ;= #GP(01FA) at cs=0008
                push dword IDT
                push word 0x40 * 8 - 2
                lidt [esp]
        op      int 0x3F
        case "gate not present"         ;= #NP(018A) at cs=0008
                and byte [IDT + 0x31 * 8 + 5], 0x7F
        op      int 0x31
        case "gate neither allowed nor present" ;= #GP(018A) at cs=004B
                and byte [IDT + 0x31 * 8 + 5], 0x7F
                ring 3
        op      int 0x31
        case "a call gate in the IDT"   ;= #GP(018A) at cs=0008
                intgate 0x31, CODE0, r0_stub, G_CALL32
        op      int 0x31
        case "a data segment in the IDT"        ;= #GP(018A) at cs=0008
                intgate 0x31, CODE0, r0_stub, A_DATA
        op      int 0x31
        case "an empty entry"           ;= #GP(018A) at cs=0008
                mov dword [IDT + 0x31 * 8 + 4], 0
        op      int 0x31
        case "gate to null"             ;= #GP(0000) at cs=0008
                intgate 0x31, 0, r0_stub, G_INT32
        op      int 0x31
        case "gate past the GDT"        ;= #GP(0300) at cs=0008
                intgate 0x31, GDT_LIMIT + 1, r0_stub, G_INT32
        op      int 0x31
        case "gate to data"             ;= #GP(0010) at cs=0008
                intgate 0x31, DATA0, r0_stub, G_INT32
        op      int 0x31
        case "gate to outer code"       ;= #GP(0048) at cs=0008
                intgate 0x31, CODE3, r0_stub, G_INT32
        op      int 0x31
        case "gate to code that is not present" ;= #NP(0090) at cs=0008
                put GDT + T0, 0, 0xFFFFF, A_CODE & ~0x80, F_32 | F_G
                intgate 0x31, T0, r0_stub, G_INT32
        op      int 0x31
        case "gate beyond the limit"    ;= #GP(0000) at cs=0008
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
                putgate IDT + 0x31 * 8, T0, 0x1000, G_INT32, 0
        op      int 0x31
        case "gate to code in the LDT"  ;= ok cs=000C
                put LDT + 8, 0, 0xFFFFF, A_CODE, F_32 | F_G
                intgate 0x31, 0xC, ..@i3, G_INT32
        op      int 0x31
..@i3:
        case "an exception's gate is not present: EXT"  ;= #NP(0033) at cs=0008
                and byte [IDT + 6 * 8 + 5], 0x7F
        op      ud2
        case "an exception's gate leads to null: EXT"   ;= #GP(0001) at cs=0008
                mov word [IDT + 6 * 8 + 2], 0
        op      ud2
        case "an exception's gate leads to data: EXT"   ;= #GP(0011) at cs=0008
                mov word [IDT + 6 * 8 + 2], DATA0
        op      ud2
        case "INT1's gate is not present: EXT"  ;= #NP(000B) at cs=0008
                and byte [IDT + 1 * 8 + 5], 0x7F
        op      db 0xF1
        case "INT3's gate is not present: no EXT"       ;= #NP(001A) at cs=0008
                and byte [IDT + 3 * 8 + 5], 0x7F
        op      int3

; ---- what is pushed, and the flags ----
show S_CS | S_EAX
        case "interrupt gate clears IF"         ;= ok cs=0008 eax=00000046
                intgate 0x31, CODE0, ..@f1, G_INT32
                frame IF | 2, CODE0, ..@f0
                iretd
..@f0:  op      int 0x31
..@f1:          pushfd
                pop eax
                or eax, 0x44                    ; whatever the last comparison was
                and eax, ~0x91
        case "trap gate keeps IF"       ;= ok cs=0008 eax=00000246
                intgate 0x31, CODE0, ..@f3, G_TRAP32
                frame IF | 2, CODE0, ..@f2
                iretd
..@f2:  op      int 0x31
..@f3:          pushfd
                pop eax
                cli
                or eax, 0x44
                and eax, ~0x91
        case "the pushed flags have IF" ;= ok cs=0008 eax=00000202
                intgate 0x31, CODE0, ..@f5, G_INT32
                frame IF | 2, CODE0, ..@f4
                iretd
..@f4:  op      int 0x31
..@f5:          mov eax, [esp + 8]
        case "NT is pushed, and cleared"        ;= ok cs=0008 eax=40020002
                intgate 0x31, CODE0, ..@f6, G_INT32
                push dword NT | 2
                popfd
        op      int 0x31
..@f6:          mov eax, [esp + 8]
                shl eax, 16
                pushfd
                pop ecx
                and ecx, NT | 2
                or eax, ecx
        case "AC and ID are kept"       ;= ok cs=0008 eax=00240002
                intgate 0x31, CODE0, ..@f7, G_INT32
                push dword 0x240002
                popfd
        op      int 0x31
..@f7:          pushfd
                pop eax
        case "DF is kept"               ;= ok cs=0008 eax=00000402
                intgate 0x31, CODE0, ..@f8, G_INT32
                push dword 0x402
                popfd
        op      int 0x31
..@f8:          pushfd
                pop eax
                cld

show S_CS | S_EAX | S_SP
        case "from ring 3: SS:ESP"      ;= ok cs=0008 eax=00216053 sp=0010:0020FFEC
                intgate 0x31, CODE0, ..@p1, G_INT32 | DPL(3)
                ring 3
        op      int 0x31
..@p1:          mov eax, [esp + 12]
                or eax, [esp + 16]
        case "from ring 3: CS"          ;= ok cs=0008 eax=0000004B sp=0010:0020FFEC
                intgate 0x31, CODE0, ..@p2, G_INT32 | DPL(3)
                ring 3
        op      int 0x31
..@p2:          mov eax, [esp + 4]
        case "from ring 3 to ring 1"    ;= ok cs=0029 eax=0000004B sp=0031:00211FEC
                intgate 0x31, CODE1, ..@p3, G_INT32 | DPL(3)
                ring 3
        op      int 0x31
..@p3:          mov eax, [esp + 4]
        case "from ring 3 to conforming code"   ;= ok cs=0093 eax=0000004B sp=0053:00215FF4
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
                intgate 0x31, T0, ..@p4, G_INT32 | DPL(3)
                ring 3
        op      int 0x31
..@p4:          mov eax, [esp + 4]
        case "an error code on the inner stack" ;= ok cs=0029 eax=00000010 sp=0031:00211FE8
                intgate 13, CODE1, ..@p5, G_INT32
                ring 3
        op      mov ss, [dword ..@p6]
                ud2
..@p5:          mov eax, [esp]
                jmp ..@p7
..@p6:          dw DATA0
..@p7:
        case "16-bit gate, same level"  ;= ok cs=0018 eax=00080002 sp=0010:0008FFFA
                putgate IDT + 0x31 * 8, CODE16, OFF16(..@p8), G_INT16, 0
                push dword 2
                popfd
        op      int 0x31
bits 16
..@p8:          mov eax, [esp + 2]
                ror eax, 16
        case "16-bit gate from ring 3: SS:SP"   ;= ok cs=0018 eax=00536000 sp=0010:0020FFF6
                putgate IDT + 0x31 * 8, CODE16, OFF16(..@p9), G_INT16 | DPL(3), 0
                ring 3
        op      int 0x31
bits 16
..@p9:          mov eax, [esp + 6]
        case "16-bit gate, error code of a word"        ;= ok cs=0018 eax=00080090 sp=0010:0008FFF8
                putgate IDT + 11 * 8, CODE16, OFF16(..@p10), G_TRAP16, 0
                mov dword [GDT + T0 + 4], A_DATA << 8 & ~0x8000
                mov ax, T0
        op      mov ds, ax
bits 16
..@p10:         mov ax, [esp + 4]
                shl eax, 16
                mov ax, [esp]
        case "16-bit gate, the upper half of its offset does not count" ;= ok cs=0018 eax=00000000 sp=0010:0008FFFA
                putgate IDT + 0x31 * 8, CODE16, OFF16(..@p11), G_INT16, 0
                mov word [IDT + 0x31 * 8 + 6], 0x55
        op      int 0x31
bits 16
..@p11:         xor eax, eax
        case "16-bit handler, 16-bit IRET"      ;= ok cs=0018 eax=00000007 sp=0020:00007000
                putgate IDT + 0x31 * 8, CODE16, OFF16(..@p12), G_INT16, 0
                ring16 0
                mov eax, 7
        op      int 0x31
                jmp ..@p13
..@p12:         iretw
..@p13:
; ---- the inner stack ----
show S_CS
%macro inner 1-2 DATA1
                intgate 0x31, CODE1, %1, G_INT32 | DPL(3)
                mov dword [TSS_A + 16], %2
                ring 3
%endmacro
        case "inner stack: null"        ;= #TS(0000) at cs=004B
                inner r0_stub, 0
        op      int 0x31
        case "inner stack: RPL"         ;= #TS(0030) at cs=004B
                inner r0_stub, DATA1 - 1
        op      int 0x31
        case "inner stack: DPL"         ;= #TS(0010) at cs=004B
                inner r0_stub, DATA0 + 1
        op      int 0x31
        case "inner stack: past the table"      ;= #TS(0300) at cs=004B
                inner r0_stub, GDT_LIMIT + 2
        op      int 0x31
        case "inner stack: code"        ;= #TS(0028) at cs=004B
                inner r0_stub, CODE1
        op      int 0x31
        case "inner stack: not present" ;= #SS(0098) at cs=004B
                put GDT + T1, 0, 0xFFFFF, A_DATA & ~0x80 | DPL(1), F_32 | F_G
                inner r0_stub, T1 + 1
        op      int 0x31
        case "inner stack: no room"     ;= #SS(0098) at cs=004B
                put GDT + T1, 0, 0xFFF, A_DATA | DPL(1), F_32
                inner r0_stub, T1 + 1
        op      int 0x31
        case "inner stack of an exception: null"        ;= #TS(0001) at cs=004B
                intgate 6, CODE1, r0_stub, G_INT32
                mov dword [TSS_A + 16], 0
                ring 3
        op      ud2
        case "inner stack of an exception: not present" ;= #SS(0099) at cs=004B
                put GDT + T1, 0, 0xFFFFF, A_DATA & ~0x80 | DPL(1), F_32 | F_G
                intgate 6, CODE1, r0_stub, G_INT32
                mov dword [TSS_A + 16], T1 + 1
                ring 3
        op      ud2

; ---- IRET ----
show S_CS | S_SP | S_FL
        case "IRET, same level"         ;= ok cs=0008 fl=000400 sp=0010:00090000
                frame 0x402, CODE0, ..@r1
        op      iretd
                ud2
..@r1:
        case "IRET at CPL 0 writes IOPL, NT, AC, ID"    ;= ok cs=0008 fl=247000 sp=0010:00090000
                frame 0x247002, CODE0, ..@r2
        op      iretd
                ud2
..@r2:
        case "IRET to ring 3"           ;= ok cs=004B fl=003000 sp=0053:00215000
                frame 0x3002, CODE3, ..@r3, 0x215000, DATA3
        op      iretd
                ud2
..@r3:
        case "IRET at CPL 3 leaves IOPL"        ;= ok cs=004B fl=001000 sp=0053:00216000
                ring 3, 0x1002
                frame 0x3002, CODE3, ..@r4
        op      iretd
                ud2
..@r4:
        case "IRET at CPL 3 above IOPL leaves IF"       ;= ok cs=004B fl=001000 sp=0053:00216000
                ring 3, 0x1002
                frame 0x202, CODE3, ..@r5
        op      iretd
                ud2
..@r5:
        case "IRET at CPL 1 at IOPL 1 writes IF"        ;= ok cs=0029 fl=001200 sp=0031:00212000
                ring 1, 0x1002
                frame 0x202, CODE1, ..@r6
        op      iretd
                ud2
..@r6:
        case "IRET at CPL 3 with VM in the image stays" ;= ok cs=004B fl=000000 sp=0053:00216000
                ring 3
                frame 0x20002, CODE3, ..@r7
        op      iretd
                ud2
..@r7:
        case "IRET of 16 bits leaves the upper flags"   ;= ok cs=0018 fl=040400 sp=0010:00090000
                push dword 0x40002
                popfd
                push word 0x402
                push word CODE16
                push word OFF16(..@r8)
        op      iretw
bits 16
..@r8:
        case "IRET of 16 bits to ring 3"        ;= ok cs=005B fl=000400 sp=0063:00085000
                mov esp, 0x87000
                push word DATA163
                push word 0x5000
                push word 0x402
                push word CODE163
                push word OFF16(..@r9)
        op      iretw
bits 16
..@r9:
show S_CS | S_SP
        case "IRET to an inner level"   ;= #GP(0008) at cs=004B sp=0053:00215FF4
                ring 3
                frame 2, CODE0, ..@r10
        op      iretd
..@r10:
        case "IRET to null"             ;= #GP(0000) at cs=0008 sp=0010:0008FFF4
                frame 2, 0, 0
        op      iretd
        case "IRET past the table"      ;= #GP(0300) at cs=0008 sp=0010:0008FFF4
                frame 2, GDT_LIMIT + 1, 0
        op      iretd
        case "IRET to data"             ;= #GP(0010) at cs=0008 sp=0010:0008FFF4
                frame 2, DATA0, 0
        op      iretd
        case "IRET to code that is not present" ;= #NP(0090) at cs=0008 sp=0010:0008FFF4
                put GDT + T0, 0, 0xFFFFF, A_CODE & ~0x80, F_32 | F_G
                frame 2, T0, 0
        op      iretd
        case "IRET, RPL 3 for DPL 0"    ;= #GP(0008) at cs=0008 sp=0010:0008FFEC
                frame 2, CODE0 + 3, 0, 0, DATA3
        op      iretd
        case "IRET beyond the limit"    ;= #GP(0000) at cs=0008 sp=0010:0008FFF4
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
                frame 2, T0, 0x1000
        op      iretd
        case "IRET to ring 3, SS null"  ;= #GP(0000) at cs=0008 sp=0010:0008FFEC
                frame 2, CODE3, 0, 0, 0
        op      iretd
        case "IRET to ring 3, SS of DPL 0"      ;= #GP(0010) at cs=0008 sp=0010:0008FFEC
                frame 2, CODE3, 0, 0, DATA0 + 3
        op      iretd
        case "IRET to ring 3, SS with RPL 0"    ;= #GP(0050) at cs=0008 sp=0010:0008FFEC
                frame 2, CODE3, 0, 0, DATA3 - 3
        op      iretd
        case "IRET to ring 3, SS not present"   ;= #SS(0090) at cs=0008 sp=0010:0008FFEC
                put GDT + T0, 0, 0xFFFFF, A_DATA & ~0x80 | DPL(3), F_32 | F_G
                frame 2, CODE3, 0, 0, T0 + 3
        op      iretd
        case "IRET to ring 3, code in SS"       ;= #GP(0048) at cs=0008 sp=0010:0008FFEC
                frame 2, CODE3, 0, 0, CODE3
        op      iretd
show S_CS | S_SP | S_SEG
        case "IRET to ring 3 empties inner data segments"       ;= ok cs=004B sp=0053:00215000 ds=0000 es=0053 fs=0000 gs=0000
                mov ax, DATA3
                mov es, ax
                mov ax, DATA1
                mov fs, ax
                frame 2, CODE3, ..@r11, 0x215000, DATA3
        op      iretd
                ud2
..@r11:
        case "IRET of the same level keeps them"        ;= ok cs=0008 sp=0010:00090000 ds=0010 es=0053 fs=0031 gs=0010
                mov ax, DATA3
                mov es, ax
                mov ax, DATA1
                mov fs, ax
                frame 2, CODE0, ..@r12
        op      iretd
                ud2
..@r12:
show S_CS | S_RF
        case "RF is pushed with a fault"        ;= #UD at cs=0008 rf=1
        op      ud2
        case "but not with INT n"       ;= int31 after cs=0008 rf=0
        op      int 0x31
        case "nor with INT3"            ;= #BP after cs=0008 rf=0
        op      int3
        case "with any of them"       ;= #GP(0000) at cs=004B rf=1
                ring 3
        op      hlt
        case "IRET loads RF, and an instruction clears it"      ;= int31 after cs=0008 rf=0
                frame 0x10002, CODE0, ..@r13
                iretd
..@r13:         nop
        op      int 0x31
        case "POPF does not load RF"    ;= int31 after cs=0008 rf=0
                push dword 0x10002
                popfd
        op      int 0x31
cases_end

; Segment registers in protected mode: loads and their checks (SDM vol. 3, 3.5, 5.4, 5.6, 5.7; vol. 2, MOV, POP, LDS), null
; selectors, the accessed bit (3.4.5.1), the LDT, and LAR, LSL, VERR, VERW, ARPL (5.10).
; QEMU: an access through a null selector is not refused, and a far jump does not set the accessed bit; vol. 3, 5.4.1 and
; 3.4.5.1 say otherwise.
%include "ring0.inc"

cases
        case "nothing"                  ;= ok

; ---- loads ----
        case "null in DS"               ;= ok
        op      mov ds, ax
        case "null with RPL 3 in ES"    ;= ok
                mov ax, 3
        op      mov es, ax
        case "null in SS"               ;= #GP(0000) at
        op      mov ss, ax
        case "null in SS by POP"        ;= #GP(0000) at
                push dword 0
        op      pop ss
        case "null in SS by LSS"        ;= #GP(0000) at
                push dword 0
                push dword 0
        op      lss eax, [esp]
        case "read by null DS"          ;= #GP(0000) at
                mov ds, ax
        op      mov eax, [0]
        case "write by null ES"         ;= #GP(0000) at
                mov es, ax
        op      mov [es:0x1000], eax
        case "read by null GS"          ;= #GP(0000) at
                mov gs, ax
        op      mov eax, [gs:ebx]
        case "past the GDT"             ;= #GP(0300) at
                mov ax, GDT_LIMIT + 1
        op      mov ds, ax
        case "last entry of the GDT"    ;= ok
                put GDT + 0x2F8, 0, 0xFFFF, A_DATA, 0
                mov ax, 0x2F8
        op      mov ds, ax
        case "GDT one byte short"       ;= #GP(02F8) at
                put GDT + 0x2F8, 0, 0xFFFF, A_DATA, 0
                push dword GDT
                push word GDT_LIMIT - 1
                lgdt [esp]
                mov ax, 0x2F8 + 1
        op      mov ds, ax
        case "past the LDT"             ;= #GP(0084) at
                mov ax, (LDT_LIMIT + 1) | 4 | 2
        op      mov ds, ax
        case "in the LDT"               ;= ok
                put LDT + 8, 0, 0xFFFF, A_DATA, 0
                mov ax, 8 | 4
        op      mov ds, ax
        case "entry 0 of the LDT is no null"    ;= ok
                put LDT, 0, 0xFFFF, A_DATA, 0
                mov ax, 4
        op      mov ds, ax
        case "in no LDT"                ;= #GP(000C) at
                put LDT + 8, 0, 0xFFFF, A_DATA, 0
                lldt ax
                mov ax, 8 | 4
        op      mov ds, ax

show S_EAX
; The columns: a register is loaded with the segment under test as DATA or in another way; eax tells.
        case "not present, DS"          ;= #NP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DATA & ~0x80, 0
                mov ax, T0
        op      mov ds, ax
        case "not present, SS"          ;= #SS(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DATA & ~0x80, 0
                mov ax, T0
        op      mov ss, ax
        case "not present and of the wrong type, DS"    ;= #GP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_CODEXO & ~0x80, 0
                mov ax, T0
        op      mov ds, ax
        case "not present and not privileged, SS"       ;= #GP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DATA & ~0x80 | DPL(1), 0
                mov ax, T0
        op      mov ss, ax
        case "execute-only code in DS"  ;= #GP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_CODEXO, 0
                mov ax, T0
        op      mov ds, ax
        case "readable code in DS"      ;= ok eax=00000090
                put GDT + T0, 0, 0xFFFF, A_CODE, 0
                mov ax, T0
        op      mov ds, ax
        case "readable code in SS"      ;= #GP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_CODE, 0
                mov ax, T0
        op      mov ss, ax
        case "read-only data in SS"     ;= #GP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DATARO, 0
                mov ax, T0
        op      mov ss, ax
        case "an LDT in DS"             ;= #GP(0068) at eax=00000068
                mov ax, SEL_LDT
        op      mov ds, ax
        case "a TSS in SS"              ;= #GP(0070) at eax=00000070
                mov ax, SEL_A
        op      mov ss, ax
        case "RPL 3 in SS at CPL 0"     ;= #GP(0010) at eax=00000013
                mov ax, DATA0 + 3
        op      mov ss, ax
        case "DPL 3 in SS at CPL 0"     ;= #GP(0050) at eax=00000050
                mov ax, DATA3 - 3
        op      mov ss, ax
        case "DPL and RPL 3 in SS at CPL 0"     ;= #GP(0050) at eax=00000053
                mov ax, DATA3
        op      mov ss, ax
        case "RPL 3 for DPL 0 in DS at CPL 0"   ;= #GP(0010) at eax=00000013
                mov ax, DATA0 + 3
        op      mov ds, ax
        case "RPL 3 for DPL 3 in DS at CPL 0"   ;= ok eax=00000053
                mov ax, DATA3
        op      mov ds, ax
        case "RPL 1 for DPL 2 in DS at CPL 0"   ;= ok eax=00000041
                mov ax, DATA2 - 1
        op      mov ds, ax
        case "DPL 0 in DS at CPL 3"     ;= #GP(0010) at eax=00000010
                ring 3
                mov eax, DATA0
        op      mov ds, ax
        case "DPL 0 and RPL 3 in DS at CPL 3"   ;= #GP(0010) at eax=00000013
                ring 3
                mov eax, DATA0 + 3
        op      mov ds, ax
        case "DPL 3 and RPL 0 in DS at CPL 3"   ;= ok eax=00000050
                ring 3
                mov eax, DATA3 - 3
        op      mov ds, ax
        case "DPL 3 and RPL 0 in SS at CPL 3"   ;= #GP(0050) at eax=00000050
                ring 3
                mov eax, DATA3 - 3
        op      mov ss, ax
        case "DPL 2 in DS at CPL 1"     ;= ok eax=00000042
                ring 1
                mov eax, DATA2
        op      mov ds, ax
        case "DPL 1 in DS at CPL 2"     ;= #GP(0030) at eax=00000031
                ring 2
                mov eax, DATA1
        op      mov ds, ax
        case "DPL 1 in SS at CPL 1"     ;= ok eax=00000031
                ring 1
                mov eax, DATA1
        op      mov ss, ax
        case "readable conforming code of DPL 0 in DS at CPL 3" ;= ok eax=00000093
                put GDT + T0, 0, 0xFFFF, A_CONF, 0
                ring 3
                mov eax, T0 + 3
        op      mov ds, ax
        case "readable code of DPL 0 in DS at CPL 3"    ;= #GP(0090) at eax=00000093
                put GDT + T0, 0, 0xFFFF, A_CODE, 0
                ring 3
                mov eax, T0 + 3
        op      mov ds, ax
        case "null in SS at CPL 3"      ;= #GP(0000) at eax=00000000
                ring 3
                xor eax, eax
        op      mov ss, ax
        case "CS by MOV"                ;= #UD at eax=00000090
                mov ax, T0
        op      db 0x8E, 0xC8
        case "segment register 6 by MOV"        ;= #UD at eax=00000000
        op      db 0x8E, 0xF0
        case "segment register 7 is not stored" ;= #UD at eax=00000000
        op      db 0x8C, 0xF8
        case "LDS of a register"        ;= #UD at eax=00000000
        op      db 0xC5, 0xC0
        case "LDS, a selector that may not be: the register stays"      ;= #GP(0010) at eax=00000007
                push dword DATA0 + 3
                push dword 0x1234
                mov eax, 7
        op      lds eax, [esp]
        case "LES"                      ;= ok eax=00001234
                push dword DATA3
                push dword 0x1234
        op      les eax, [esp]
        case "LFS of 16 bits"           ;= ok eax=FFFF1234
                push dword DATA3 << 16 | 0x1234
                mov eax, -1
        op      lfs ax, [esp]
        case "a faulting POP DS leaves the stack"       ;= ok eax=00000004
                mov ebx, esp
                push dword DATA0 + 3
                mov dword [IDT + 13 * 8], CODE0 << 16 | ADDR(..@pop_faulted) & 0xFFFF
                mov dword [IDT + 13 * 8 + 4], 0x8E00 | ADDR(..@pop_faulted) & 0xFFFF0000
        op      pop ds
..@pop_faulted: lea eax, [esp + 16]
                sub ebx, eax
                mov eax, ebx

; ---- the accessed bit ----
        case "a load sets the accessed bit"     ;= ok eax=00009300
                put GDT + T0, 0, 0xFFFF, 0x92, 0
                mov ax, T0
        op      mov ds, ax
                movzx eax, word [es:GDT + T0 + 4]
        case "a failing load does not"  ;= #NP(0090) at eax=00000090
                put GDT + T0, 0, 0xFFFF, 0x12, 0
                mov ax, T0
        op      mov ds, ax
        case "and it is clear after one"        ;= ok eax=00001200
                put GDT + T0, 0, 0xFFFF, 0x12, 0
                putgate IDT + 11 * 8, CODE0, ADDR(..@not_accessed), G_INT32, 0
                mov ax, T0
        op      mov ds, ax
..@not_accessed: mov eax, [GDT + T0 + 4]
        case "a far jump sets it in the code segment"   ;= ok eax=00009B00
                put GDT + T0, 0, 0xFFFFF, 0x9A, F_32 | F_G
        op      jmp T0:ADDR(..@accessed_code)
..@accessed_code: movzx eax, word [GDT + T0 + 4]
        case "VERR does not set it"     ;= ok eax=00009200
                put GDT + T0, 0, 0xFFFF, 0x92, 0
                mov ax, T0
        op      verr ax
                movzx eax, word [GDT + T0 + 4]

; ---- LAR, LSL, VERR, VERW, ARPL ----
; inspect NAME, ACCESS: of a descriptor with limit 12345h. EAX is ZF after LAR, LSL, VERR and VERW as four bits, and below
; them what LSL gave, EBX what LAR gave; all ones stand for nothing.
show S_EAX | S_EBX
%macro inspect 2-3 0
        case %1
                put GDT + T0, 0x100000, 0x12345, %2, 0
    %if %3 == 3
                ring 3
    %endif
                mov ebx, -1
                mov ecx, -1
                mov edx, T0 + %3
                xor eax, eax
                xor edi, edi
                lar ebx, edx
                setz al
                lea edi, [edi * 2 + eax]
                lsl ecx, edx
                setz al
                lea edi, [edi * 2 + eax]
                verr dx
                setz al
                lea edi, [edi * 2 + eax]
                verw dx
                setz al
                lea eax, [edi * 2 + eax]
                shl eax, 28
                and ecx, 0xFFFFFFF
                or eax, ecx
                or ebx, 0xF0000         ; undefined
%endmacro
        inspect "reserved type 0", 0x80                 ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "16-bit TSS", 0x81                      ;= ok eax=C0012345 ebx=000F8100
        inspect "16-bit TSS of DPL 0 at CPL 3", 0x81, 3 ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "16-bit TSS of DPL 3 at CPL 3", 0xE1, 3 ;= ok eax=C0012345 ebx=000FE100
        inspect "LDT", 0x82                             ;= ok eax=C0012345 ebx=000F8200
        inspect "LDT of DPL 0 at CPL 3", 0x82, 3        ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "LDT of DPL 3 at CPL 3", 0xE2, 3        ;= ok eax=C0012345 ebx=000FE200
        inspect "busy 16-bit TSS", 0x83                 ;= ok eax=C0012345 ebx=000F8300
        inspect "busy 16-bit TSS of DPL 0 at CPL 3", 0x83, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "busy 16-bit TSS of DPL 3 at CPL 3", 0xE3, 3;= ok eax=C0012345 ebx=000FE300
        inspect "16-bit call gate", 0x84                ;= ok eax=8FFFFFFF ebx=000F8400
        inspect "16-bit call gate of DPL 0 at CPL 3", 0x84, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "16-bit call gate of DPL 3 at CPL 3", 0xE4, 3;= ok eax=8FFFFFFF ebx=000FE400
        inspect "task gate", 0x85                       ;= ok eax=8FFFFFFF ebx=000F8500
        inspect "task gate of DPL 0 at CPL 3", 0x85, 3  ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "task gate of DPL 3 at CPL 3", 0xE5, 3  ;= ok eax=8FFFFFFF ebx=000FE500
        inspect "16-bit interrupt gate", 0x86           ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "16-bit trap gate", 0x87                ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "reserved type 8", 0x88                 ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "32-bit TSS", 0x89                      ;= ok eax=C0012345 ebx=000F8900
        inspect "32-bit TSS of DPL 0 at CPL 3", 0x89, 3 ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "32-bit TSS of DPL 3 at CPL 3", 0xE9, 3 ;= ok eax=C0012345 ebx=000FE900
        inspect "reserved type 10", 0x8A                ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "busy 32-bit TSS", 0x8B                 ;= ok eax=C0012345 ebx=000F8B00
        inspect "busy 32-bit TSS of DPL 0 at CPL 3", 0x8B, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "busy 32-bit TSS of DPL 3 at CPL 3", 0xEB, 3;= ok eax=C0012345 ebx=000FEB00
        inspect "32-bit call gate", 0x8C                ;= ok eax=8FFFFFFF ebx=000F8C00
        inspect "32-bit call gate of DPL 0 at CPL 3", 0x8C, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "32-bit call gate of DPL 3 at CPL 3", 0xEC, 3;= ok eax=8FFFFFFF ebx=000FEC00
        inspect "reserved type 13", 0x8D                ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "32-bit interrupt gate", 0x8E           ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "32-bit trap gate", 0x8F                ;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "read-only data", 0x91                  ;= ok eax=E0012345 ebx=000F9100
        inspect "read-only data of DPL 0 at CPL 3", 0x91, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "read-only data of DPL 3 at CPL 3", 0xF1, 3;= ok eax=E0012345 ebx=000FF100
        inspect "writable data", 0x93                   ;= ok eax=F0012345 ebx=000F9300
        inspect "writable data of DPL 0 at CPL 3", 0x93, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "writable data of DPL 3 at CPL 3", 0xF3, 3;= ok eax=F0012345 ebx=000FF300
        inspect "expand-down data, read-only", 0x95     ;= ok eax=E0012345 ebx=000F9500
        inspect "expand-down data, read-only of DPL 0 at CPL 3", 0x95, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "expand-down data, read-only of DPL 3 at CPL 3", 0xF5, 3;= ok eax=E0012345 ebx=000FF500
        inspect "expand-down data", 0x97                ;= ok eax=F0012345 ebx=000F9700
        inspect "expand-down data of DPL 0 at CPL 3", 0x97, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "expand-down data of DPL 3 at CPL 3", 0xF7, 3;= ok eax=F0012345 ebx=000FF700
        inspect "execute-only code", 0x99               ;= ok eax=C0012345 ebx=000F9900
        inspect "execute-only code of DPL 0 at CPL 3", 0x99, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "execute-only code of DPL 3 at CPL 3", 0xF9, 3;= ok eax=C0012345 ebx=000FF900
        inspect "readable code", 0x9B                   ;= ok eax=E0012345 ebx=000F9B00
        inspect "readable code of DPL 0 at CPL 3", 0x9B, 3;= ok eax=0FFFFFFF ebx=FFFFFFFF
        inspect "readable code of DPL 3 at CPL 3", 0xFB, 3;= ok eax=E0012345 ebx=000FFB00
        inspect "execute-only conforming code", 0x9D    ;= ok eax=C0012345 ebx=000F9D00
        inspect "execute-only conforming code of DPL 0 at CPL 3", 0x9D, 3;= ok eax=C0012345 ebx=000F9D00
        inspect "execute-only conforming code of DPL 3 at CPL 3", 0xFD, 3;= ok eax=C0012345 ebx=000FFD00
        inspect "readable conforming code", 0x9F        ;= ok eax=E0012345 ebx=000F9F00
        inspect "readable conforming code of DPL 0 at CPL 3", 0x9F, 3;= ok eax=E0012345 ebx=000F9F00
        inspect "readable conforming code of DPL 3 at CPL 3", 0xFF, 3;= ok eax=E0012345 ebx=000FFF00
        inspect "data that is not present", 0x13        ;= ok eax=F0012345 ebx=000F1300
        inspect "code that is not present", 0x1B        ;= ok eax=E0012345 ebx=000F1B00
        inspect "a call gate that is not present", 0x0C ;= ok eax=8FFFFFFF ebx=000F0C00
        case "LAR with RPL 3 of DPL 0 at CPL 0" ;= ok eax=00000000 ebx=0000FFFF
                mov ebx, 0xFFFF
                mov ecx, DATA0 + 3
                lar ebx, ecx
                setz al
        case "LSL of null"              ;= ok eax=00000000 ebx=0000FFFF
                mov ebx, 0xFFFF
                mov ecx, 3
                lsl ebx, ecx
                setz al
        case "LAR past the table"       ;= ok eax=00000000 ebx=0000FFFF
                mov ebx, 0xFFFF
                mov ecx, GDT_LIMIT + 1
                lar ebx, ecx
                setz al
        case "VERR past the table"      ;= ok eax=00000000 ebx=00000000
                mov ecx, GDT_LIMIT + 1
                verr cx
                setz al
        case "LSL in the LDT, pages"    ;= ok eax=00000001 ebx=12345FFF
                put LDT + 8, 0, 0x12345, A_DATA, F_G
                mov ecx, 8 + 4
                lsl ebx, ecx
                setz al
        case "LSL of 16 bits"           ;= ok eax=00000001 ebx=FFFF5FFF
                put LDT + 8, 0, 0x12345, A_DATA, F_G
                mov ebx, -1
                mov ecx, 8 + 4
                lsl bx, cx
                setz al
        case "LAR of 16 bits"           ;= ok eax=00000001 ebx=FFFF9300
                put LDT + 8, 0, 0x12345, A_DATA, F_G | F_32
                mov ebx, -1
                mov ecx, 8 + 4
                lar bx, cx
                setz al
        case "LAR of the flags"         ;= ok eax=00000001 ebx=00D09300
                put LDT + 8, 0, 0x12345, A_DATA, F_G | F_32 | 1
                mov ecx, 8 + 4
                lar ebx, ecx
                setz al
                and ebx, ~0xF0000
        case "ARPL raises"              ;= ok eax=00000001 ebx=FFFF1232
                mov ebx, 0xFFFF1230
                mov ecx, 2
                arpl bx, cx
                setz al
        case "ARPL does not lower"      ;= ok eax=00000000 ebx=FFFF1233
                mov ebx, 0xFFFF1233
                mov ecx, 2
                arpl bx, cx
                setz al
        case "ARPL of equals"           ;= ok eax=00000000 ebx=00001232
                mov ebx, 0x1232
                mov ecx, 2
                arpl bx, cx
                setz al
        case "ARPL in memory at CPL 3"  ;= ok eax=00000001 ebx=00001233
                ring 3
                xor eax, eax
                push dword 0x1231
                mov ecx, 3
                arpl [esp], cx
                setz al
                pop ebx
cases_end

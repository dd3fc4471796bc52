; Limits and types of segments in protected mode (SDM vol. 3, 5.3, 5.5), expand-down segments, stacks that end.
; QEMU: its translator checks neither the limit nor the type of the segment that an access goes through; the manual (vol. 3, 5.3
; and 5.5) is with us in every case where it differs.
%include "ring0.inc"

cases
show S_EAX
; ---- types ----
        case "write through read-only DS"       ;= #GP(0000) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DATARO, 0
                mov ax, T0
                mov ds, ax
        op      mov [0x1000], al
        case "read-modify-write through read-only DS"   ;= #GP(0000) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DATARO, 0
                mov ax, T0
                mov ds, ax
        op      add [0x1000], eax
        case "write through readable code"      ;= #GP(0000) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_CODE, 0
                mov ax, T0
                mov fs, ax
        op      mov [fs:0x1000], al
        case "write through CS"         ;= #GP(0000) at eax=00000000
        op      mov [cs:0x1000], al
        case "read through CS"          ;= ok eax=1BADB002
        op      mov eax, [cs:0x100000]
        case "read through execute-only CS"     ;= #GP(0000) at eax=00000000
                put GDT + T0, 0, 0xFFFFF, A_CODEXO, F_32 | F_G
                jmp T0:ADDR(..@execute_only)
..@execute_only:
        op      mov eax, [cs:0x100000]

; ---- limits ----
%macro limited 1 ; ACCESS: a segment with limit 0FFFh in FS, D/B clear
                put GDT + T0, 0x100000, 0xFFF, %1, 0
                mov ax, T0
                mov fs, ax
%endmacro
        case "byte at the limit"        ;= ok eax=00000090
                limited A_DATA
                mov bl, [fs:0xFFF]
        op      mov [fs:0x10], bl
                sub bl, bl
        case "byte past the limit"      ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      mov bl, [fs:0x1000]
        case "word over the limit"      ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      mov bx, [fs:0xFFF]
        case "doubleword at its last place"     ;= ok eax=00000090
                limited A_DATA
        op      mov ebx, [fs:0xFFC]
        case "doubleword over the limit"        ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      mov ebx, [fs:0xFFD]
        case "quadword over the limit"  ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      fild qword [fs:0xFF9]
        case "ten bytes over the limit" ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      fld tword [fs:0xFF7]
        case "XMM over the limit"       ;= #GP(0000) at eax=00000090
                mov eax, 0x200
                mov cr4, eax
                xor eax, eax
                limited A_DATA
        op      movups xmm0, [fs:0xFF1]
        case "CMPXCHG8B over the limit" ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      cmpxchg8b [fs:0xFF9]
        case "BOUND over the limit"     ;= #GP(0000) at eax=00000090
                limited A_DATA
        op      bound eax, [fs:0xFF9]
        case "LEA knows no limit"       ;= ok eax=FFFFFFF0
                limited A_DATA
        op      lea eax, [fs:0xFFFFFFF0]
        case "limit 0 is one byte"      ;= ok eax=00000002
                put GDT + T0, 0x100000, 0, A_DATA, 0
                mov ax, T0
                mov fs, ax
        op      movzx eax, byte [fs:0]
        case "and not two"              ;= #GP(0000) at eax=00000090
                put GDT + T0, 0x100000, 0, A_DATA, 0
                mov ax, T0
                mov fs, ax
        op      mov ax, [fs:0]
        case "limit 0 with granularity is 4 KB" ;= ok eax=00000000
                put GDT + T0, 0x300000, 0, A_DATA, F_G
                mov ax, T0
                mov fs, ax
        op      movzx eax, byte [fs:0xFFF]
        case "and not more"             ;= #GP(0000) at eax=00000090
                put GDT + T0, 0x300000, 0, A_DATA, F_G
                mov ax, T0
                mov fs, ax
        op      mov al, [fs:0x1000]
        case "expand-down: at the limit"        ;= #GP(0000) at eax=00000090
                limited A_DOWN
        op      mov bl, [fs:0xFFF]
        case "expand-down: above the limit"     ;= ok eax=00000090
                limited A_DOWN
        op      mov bl, [fs:0x1000]
        case "expand-down: at 0"        ;= #GP(0000) at eax=00000090
                limited A_DOWN
        op      mov bl, [fs:0]
        case "expand-down: last byte of 64 KB"  ;= ok eax=00000090
                limited A_DOWN
        op      mov bl, [fs:0xFFFF]
        case "expand-down: word over 64 KB"     ;= #GP(0000) at eax=00000090
                limited A_DOWN
        op      mov bx, [fs:0xFFFF]
        case "expand-down: past 64 KB with B clear"     ;= #GP(0000) at eax=00000090
                limited A_DOWN
        op      mov bl, [fs:0x10000]
        case "expand-down: past 64 KB with B set"       ;= ok eax=00000090
                put GDT + T0, 0x100000, 0xFFF, A_DOWN, F_32
                mov ax, T0
                mov fs, ax
        op      mov bl, [fs:0x10000]
        case "expand-down: limit FFFFFFFF leaves nothing"       ;= #GP(0000) at eax=00000090
                put GDT + T0, 0, 0xFFFFF, A_DOWN, F_32 | F_G
                mov ax, T0
                mov fs, ax
        op      mov bl, [fs:0xFFFFFFFF]
        case "expand-down: limit FFFF with B clear leaves nothing"      ;= #GP(0000) at eax=00000090
                put GDT + T0, 0, 0xFFFF, A_DOWN, 0
                mov ax, T0
                mov fs, ax
        op      mov bl, [fs:0xFFFF]
        case "a base that wraps around" ;= ok eax=1BADB002
                put GDT + T0, 0xFFFF0000, 0xFFFFF, A_DATA, F_32 | F_G
                mov ax, T0
                mov fs, ax
        op      mov eax, [fs:0x110000]
        case "the limit on SS is #SS"   ;= #SS(0000) at eax=00000093
                put GDT + T0, 0, 0xFFF, A_DATA | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
        op      mov eax, [ss:0x1000]
        case "and on an address by EBP" ;= #SS(0000) at eax=00000093
                put GDT + T0, 0, 0xFFF, A_DATA | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov ebp, 0x1000
        op      mov [ebp], eax
        case "DS: before EBP is #GP"    ;= #GP(0000) at eax=00000093
                put GDT + T0, 0, 0xFFF, A_DATA | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov ds, ax
                mov ebp, 0x1000
        op      mov [ds:ebp], eax
        case "MOVS: ES beyond"          ;= #GP(0000) at eax=00000090
                limited A_DATA
                mov es, ax
                mov edi, 0xFFD
                mov esi, 0x100000
        op      movsd

; ---- the stack's width ----
show S_EAX | S_SP
        case "PUSH on a 16-bit stack moves SP only"     ;= ok eax=12345678 sp=0020:12347FF8
                mov ax, DATA16
                mov ss, ax
                mov esp, 0x12347FFC
                mov eax, 0x12345678
        op      push eax
        case "PUSH at 0 goes to the top"        ;= ok eax=00000000 sp=0020:0000FFFC
                mov ax, DATA16
                mov ss, ax
                mov esp, 0
                mov eax, 0
        op      push eax
        case "PUSH of 4 bytes at 2 goes over the end"   ;= #SS(0000) at eax=00000063 sp=0063:00000002
                ring16 3
                mov esp, 2
        op      push eax
        case "PUSH of 2 bytes at 1 goes over the end"   ;= #SS(0000) at eax=00000063 sp=0063:00000001
                ring16 3
                mov esp, 1
        op      push ax
        case "POP of 4 bytes at FFFE goes over the end" ;= #SS(0000) at eax=00000063 sp=0063:0000FFFE
                ring16 3
                mov esp, 0xFFFE
        op      pop eax
        case "PUSHA across the end: what fits goes around"      ;= ok eax=00000063 sp=0063:0000FFF4
                ring16 3
                mov esp, 4
        op      pusha
        case "expand-down stack: PUSH down to the limit"        ;= ok eax=00000093 sp=0093:00001000
                put GDT + T0, 0x60000, 0xFFF, A_DOWN | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov esp, 0x1004
        op      push eax
        case "expand-down stack: PUSH past it"  ;= #SS(0000) at eax=00000093 sp=0093:00001003
                put GDT + T0, 0x60000, 0xFFF, A_DOWN | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov esp, 0x1003
        op      push eax
        case "CALL without room"        ;= #SS(0000) at eax=00000093 sp=0093:00001000
                put GDT + T0, 0x60000, 0xFFF, A_DOWN | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov esp, 0x1000
        op      call ..@nowhere
..@nowhere:
        case "ENTER without room"       ;= #SS(0000) at eax=00000093 sp=0093:00001008
                put GDT + T0, 0x60000, 0xFFF, A_DOWN | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov esp, 0x1008
        op      enter 8, 0
        case "LEAVE from outside"       ;= #SS(0000) at eax=00000093 sp=0093:00001008
                put GDT + T0, 0x60000, 0xFFF, A_DOWN | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov esp, 0x1008
                mov ebp, 0xFF0
        op      leave
        case "PUSHA without room"       ;= #SS(0000) at eax=00000093 sp=0093:0000101F
                put GDT + T0, 0x60000, 0xFFF, A_DOWN | DPL(3), F_32
                ring 3
                mov eax, T0 + 3
                mov ss, ax
                mov esp, 0x101F
        op      pushad
        case "POP to memory by ESP uses the new one"    ;= ok eax=89ABCDEF sp=0010:00208000
                mov esp, 0x208000
                push eax
                push dword 0x89ABCDEF
        op      pop dword [esp]
                pop eax

cases_end

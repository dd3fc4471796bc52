; Paging with 32-bit entries: presence, R/W and U/S at both levels, WP, accessed and dirty bits, 4 MB pages with their reserved bits,
; what flushes the TLB, and page faults in the midst of things (SDM vol. 3, 4.3, 4.6 to 4.10; table 4-3; 6.15, #PF).
; QEMU 7.2: P is clear in the error code of a reserved bit (4.7), of which it knows bit 21 only; a read-modify-write reads first, so that
; a missing page is a read (the processor asks for the right to write at once).
; MAXPHYADDR is 36, so bits 17 to 21 of a directory entry for 4 MB are reserved.
%include "ring0.inc"

PD      equ 0x310000
PT0     equ 0x311000                    ; 0 to 8 MB, as they are
PT2     equ 0x313000                    ; 8 to 12 MB
PD_B    equ 0x314000                    ; another address space
PT_B    equ 0x315000
SPOT    equ 0x800000                    ; maps FRAME and the page after it
FRAME   equ 0x380000
PTE     equ PT2                         ; the entry of SPOT
PDE     equ PD + 8
WP      equ 0x10000

%macro paging 0-1 0 ; bits of CR0
                call paging_on
  %if %1 != 0
                mov eax, cr0
                or eax, %1
                mov cr0, eax
  %endif
                xor eax, eax
%endmacro
%macro pte 1
                mov dword [PTE], %1
%endmacro
%macro pde 1
                mov dword [PDE], %1
%endmacro
%macro cr4_set 1
                mov eax, cr4
                or eax, %1
                mov cr4, eax
%endmacro

cases
; ---- presence and rights ----
; faulting NAME, PTE, PDE, RING, INSTRUCTION
%macro access 5+
        case %1
                paging
                pte FRAME | (%2)
                pde PT2 | (%3)
  %if %4 == 3
                ring 3
  %endif
        op      %5
%endmacro
        access "read", 7, 7, 0, mov ecx, [SPOT]         ;= ok
        access "write", 7, 7, 0, mov [SPOT], ecx        ;= ok
        access "user read", 7, 7, 3, mov ecx, [SPOT]    ;= ok
        access "user write", 7, 7, 3, mov [SPOT], ecx   ;= ok
        access "read, page not there", 6, 7, 0, mov ecx, [SPOT]         ;= #PF(0000) at cr2=00800000
        access "write, page not there", 6, 7, 0, mov [SPOT + 4], ecx    ;= #PF(0002) at cr2=00800004
        access "user read, page not there", 6, 7, 3, mov ecx, [SPOT]    ;= #PF(0004) at cr2=00800000
        access "user write, page not there", 6, 7, 3, mov [SPOT], ecx   ;= #PF(0006) at cr2=00800000
        access "read, table not there", 7, 6, 0, mov ecx, [SPOT]        ;= #PF(0000) at cr2=00800000
        access "user write, table not there", 7, 6, 3, mov [SPOT], ecx  ;= #PF(0006) at cr2=00800000
        access "read of a read-only page", 5, 7, 3, mov ecx, [SPOT]     ;= ok
        access "user write, page read-only", 5, 7, 3, mov [SPOT], ecx   ;= #PF(0007) at cr2=00800000
        access "user write, table read-only", 7, 5, 3, mov [SPOT], ecx  ;= #PF(0007) at cr2=00800000
        access "user read, page supervisor", 3, 7, 3, mov ecx, [SPOT]   ;= #PF(0005) at cr2=00800000
        access "user read, table supervisor", 7, 3, 3, mov ecx, [SPOT]  ;= #PF(0005) at cr2=00800000
        access "user write, page supervisor", 3, 7, 3, mov [SPOT], ecx  ;= #PF(0007) at cr2=00800000
        access "write, page read-only", 5, 7, 0, mov [SPOT], ecx        ;= ok
        access "write, table read-only", 7, 5, 0, mov [SPOT], ecx       ;= ok
        access "write, both read-only", 5, 5, 0, mov [SPOT], ecx        ;= ok
        access "ring 0 reads user pages", 7, 7, 0, mov ecx, [SPOT]      ;= ok
        access "user INC of a read-only page", 5, 7, 3, inc dword [SPOT]        ;= #PF(0007) at cr2=00800000
        access "user INC of a missing page is a write", 6, 7, 3, inc dword [SPOT]       ;= #PF(0006) at cr2=00800000
        access "user CMPXCHG that would fail, read-only", 5, 7, 3, cmpxchg [SPOT + 8], ecx      ;= #PF(0007) at cr2=00800008
        access "user TEST of a read-only page", 5, 7, 3, test [SPOT], ecx       ;= ok
        access "user BTS of a read-only page", 5, 7, 3, bts dword [SPOT], 1     ;= #PF(0007) at cr2=00800000
        access "user XADD of a read-only page", 5, 7, 3, xadd [SPOT], ecx       ;= #PF(0007) at cr2=00800000
        access "ring 2 is supervisor", 3, 7, 0, mov ecx, [SPOT]         ;= ok
        case "ring 2 is supervisor, indeed"     ;= ok
                paging
                pte FRAME | 3
                ring 2
        op      mov ecx, [SPOT]
        case "WP: ring 0 write, page read-only" ;= #PF(0003) at cr2=00800000
                paging WP
                pte FRAME | 5
        op      mov [SPOT], ecx
        case "WP: ring 0 write, table read-only"        ;= #PF(0003) at cr2=00800000
                paging WP
                pde PT2 | 5
        op      mov [SPOT], ecx
        case "WP: ring 0 write, supervisor page read-only"      ;= #PF(0003) at cr2=00800000
                paging WP
                pte FRAME | 1
        op      mov [SPOT], ecx
        case "WP: ring 0 read"          ;= ok
                paging WP
                pte FRAME | 5
        op      mov ecx, [SPOT]
        case "WP set after a write"     ;= #PF(0003) at cr2=00800000
                paging
                pte FRAME | 5
                mov [SPOT], ecx
                mov eax, cr0
                or eax, WP
                mov cr0, eax
        op      mov [SPOT], ecx
        case "WP cleared again"         ;= ok
                paging WP
                pte FRAME | 5
                mov eax, [SPOT]
                mov eax, cr0
                and eax, ~WP
                mov cr0, eax
        op      mov [SPOT], ecx
        case "jump to a missing page"   ;= #PF(0000) @00800000 cr2=00800000
                paging
                pte 0
                mov eax, SPOT
                jmp eax
        case "user jump to a supervisor page"   ;= #PF(0005) @00800000 cr2=00800000
                paging
                pte FRAME | 3
                ring 3
                mov eax, SPOT
                jmp eax
        case "an instruction over the end of the last page"     ;= #PF(0000) @00800FFE cr2=00801000
                paging
                mov dword [PTE + 4], 0
                mov word [FRAME + 0xFFE], 0x00B8
                mov eax, SPOT + 0xFFE
                jmp eax
        case "a read over the end of it"        ;= #PF(0000) at cr2=00801000
                paging
                mov dword [PTE + 4], 0
        op      mov eax, [SPOT + 0xFFE]
        case "a read over its beginning"        ;= #PF(0000) at cr2=008000FE
                paging
                pte 0
        op      mov eax, [SPOT + 0xFE]
show S_EAX
        case "a write over the end writes nothing"      ;= ok eax=55555555
                paging
                mov dword [FRAME + 0xFFC], 0x55555555
                mov dword [PTE + 4], 0
                putgate IDT + 14 * 8, CODE0, ADDR(..@a1), G_INT32, 0
                mov eax, 0x12345678
        op      mov [SPOT + 0xFFE], eax
                ud2
..@a1:          mov eax, [FRAME + 0xFFC]
        case "pages that do not follow each other"      ;= ok eax=22221111
                paging
                mov dword [PTE + 4], 0x390000 | 7
                mov word [FRAME + 0xFFE], 0x1111
                mov word [0x390000], 0x2222
        op      mov eax, [SPOT + 0xFFE]

; ---- accessed and dirty ----
        case "a read sets A"            ;= ok eax=00000027
                paging
                mov ecx, [SPOT]
                movzx eax, byte [PTE]
        case "in the directory too"     ;= ok eax=00000027
                paging
                mov ecx, [SPOT]
                movzx eax, byte [PDE]
        case "a write sets D"           ;= ok eax=00000067
                paging
                mov [SPOT], ecx
                movzx eax, byte [PTE]
        case "not in the directory"     ;= ok eax=00000027
                paging
                mov [SPOT], ecx
                movzx eax, byte [PDE]
        case "a write after a read sets D"      ;= ok eax=00002767
                paging
                mov ecx, [SPOT]
                mov al, [PTE]
                shl eax, 8
                mov [SPOT], ecx
                mov al, [PTE]
        case "a read-modify-write sets D"       ;= ok eax=00000067
                paging
                add dword [SPOT], 0
                movzx eax, byte [PTE]
        case "a push sets D"            ;= ok eax=00000067
                paging
                mov esp, SPOT + 0x800
                push eax
                mov esp, STACK_TOP
                movzx eax, byte [PTE]
        case "a refused write does not" ;= ok eax=00000005
                paging WP
                pte FRAME | 5
                putgate IDT + 14 * 8, CODE0, ADDR(..@b1), G_INT32, 0
                mov [SPOT], ecx
..@b1:          movzx eax, byte [PTE]
                and al, ~0x20
        case "INVLPG of a page sets nothing"    ;= ok eax=00000007
                paging
                invlpg [SPOT]
                movzx eax, byte [PTE]
        case "LEA neither"              ;= ok eax=00000007
                paging
                lea ecx, [SPOT]
                movzx eax, byte [PTE]

; ---- 4 MB pages ----
        case "4 MB page"                ;= ok eax=89ABCDEF
                cr4_set 0x10
                paging
                pde 0x87
                mov dword [FRAME], 0x89ABCDEF
        op      mov eax, [SPOT + FRAME]
        case "PS without PSE is a table"        ;= ok eax=89ABCDEF
                paging
                pde PT2 | 0x87
                mov dword [FRAME], 0x89ABCDEF
        op      mov eax, [SPOT]
        case "4 MB page: A"             ;= ok eax=000000A7
                cr4_set 0x10
                paging
                pde 0x87
                mov eax, [SPOT]
                movzx eax, byte [PDE]
        case "4 MB page: D"             ;= ok eax=000000E7
                cr4_set 0x10
                paging
                pde 0x87
                mov [SPOT + FRAME], eax
                movzx eax, byte [PDE]
%macro large 4+ ; NAME, PDE, RING, INSTRUCTION
        case %1
                cr4_set 0x10
                paging WP
                pde %2
  %if %3 == 3
                ring 3
                xor eax, eax
  %endif
        op      %4
%endmacro
show 0
        large "4 MB page: not there", 0x86, 0, mov ecx, [SPOT]          ;= #PF(0000) at cr2=00800000
        large "4 MB page: user write, read-only", 0x85, 3, mov [SPOT], ecx      ;= #PF(0007) at cr2=00800000
        large "4 MB page: WP", 0x85, 0, mov [SPOT], ecx         ;= #PF(0003) at cr2=00800000
        large "4 MB page: user read, supervisor", 0x83, 3, mov ecx, [SPOT]      ;= #PF(0005) at cr2=00800000
        large "4 MB page: bit 21 is reserved", 0x200087, 0, mov ecx, [SPOT]     ;= #PF(0009) at cr2=00800000
        large "4 MB page: bit 20 is", 0x100087, 0, mov ecx, [SPOT]      ;= #PF(0009) at cr2=00800000
        large "4 MB page: bit 17 is", 0x020087, 0, mov ecx, [SPOT]      ;= #PF(0009) at cr2=00800000
        large "4 MB page: reserved, user write", 0x200087, 3, mov [SPOT], ecx   ;= #PF(000F) at cr2=00800000
        large "4 MB page: reserved, user read of supervisor", 0x200083, 3, mov ecx, [SPOT]      ;= #PF(000D) at cr2=00800000
        large "4 MB page: not there, reserved does not matter", 0x200086, 0, mov ecx, [SPOT]    ;= #PF(0000) at cr2=00800000
        large "4 MB page: bit 12 is PAT", 0x1087, 0, mov ecx, [SPOT]    ;= ok
        large "4 MB page: bits 13 to 16 are the address", 0x1E087, 0, mov ecx, [SPOT]   ;= ok

; ---- what flushes ----
show S_EAX
%macro changed 0 ; SPOT is read, then mapped to where 22222222h lies
                mov dword [FRAME], 0x11111111
                mov dword [0x390000], 0x22222222
                mov eax, [SPOT]
                mov dword [PTE], 0x390000 | 7
%endmacro
        case "INVLPG"                   ;= ok eax=22222222
                paging
                changed
        op      invlpg [SPOT + 0x123]
                mov eax, [SPOT]
        case "MOV CR3"                  ;= ok eax=22222222
                paging
                changed
                mov eax, cr3
        op      mov cr3, eax
                mov eax, [SPOT]
        case "PG off and on"            ;= ok eax=22222222
                paging
                changed
                mov eax, cr0
                and eax, 0x7FFFFFFF
                mov cr0, eax
                or eax, 0x80000000
        op      mov cr0, eax
                mov eax, [SPOT]
        case "PSE changed"              ;= ok eax=22222222
                paging
                changed
        op      cr4_set 0x10
                mov eax, [SPOT]
        case "a global page: INVLPG"    ;= ok eax=22222222
                cr4_set 0x80
                paging
                pte FRAME | 0x107
                changed
        op      invlpg [SPOT]
                mov eax, [SPOT]
        case "a global page: PGE changed"       ;= ok eax=22222222
                cr4_set 0x80
                paging
                pte FRAME | 0x107
                changed
                mov eax, cr4
                and eax, ~0x80
        op      mov cr4, eax
                mov eax, [SPOT]
        case "G without PGE: MOV CR3"   ;= ok eax=22222222
                paging
                pte FRAME | 0x107
                changed
                mov eax, cr3
        op      mov cr3, eax
                mov eax, [SPOT]
        case "a task switch"            ;= ok eax=22222222
                paging
                changed
                mov dword [TSS_B + 0x1C], PD_B
                mov dword [PD_B], PT0 | 7
                mov dword [PD_B + 4], PT0 + 0x1000 | 7
                mov dword [PD_B + 8], PT_B | 7
                mov dword [PT_B], 0x390000 | 7
                call task
        op      jmp SEL_B:0
..@f1:          mov eax, [SPOT]
        case "a task switch loads CR3"  ;= ok eax=00314000
                paging
                mov dword [TSS_B + 0x1C], PD_B
                mov dword [PD_B], PT0 | 7
                mov dword [PD_B + 4], PT0 + 0x1000 | 7
                call task
        op      jmp SEL_B:0
..@f2:          mov eax, cr3
        case "what was missing is not remembered"       ;= ok eax=11111111
                paging
                pte 0
                mov dword [FRAME], 0x11111111
                putgate IDT + 14 * 8, CODE0, ADDR(..@f3), G_INT32, 0
        op      mov eax, [SPOT]
                jmp ..@f4
..@f3:          pte FRAME | 7
                add esp, 4
                iretd
..@f4:
        case "a fault drops what was held"      ;= ok eax=11111111
                paging WP
                pte FRAME | 5
                mov eax, [SPOT]
                pte FRAME | 7
                putgate IDT + 14 * 8, CODE0, ADDR(..@f5), G_INT32, 0
                mov eax, 0x11111111
        op      mov [SPOT], eax
                mov eax, [FRAME]
                jmp ..@f6
..@f5:          add esp, 4
                iretd
..@f6:
        case "the directory is changed, and MOV CR3"    ;= ok eax=22222222
                paging
                mov dword [FRAME], 0x11111111
                mov dword [0x390000], 0x22222222
                mov eax, [SPOT]
                mov dword [PT_B], 0x390000 | 7
                pde PT_B | 7
                mov eax, cr3
        op      mov cr3, eax
                mov eax, [SPOT]

; ---- in the midst of things ----
        case "REP STOS: what is left"   ;= ok eax=00000004
                paging
                mov dword [PTE + 4], 0
                putgate IDT + 14 * 8, CODE0, ADDR(..@g1), G_INT32, 0
                mov edi, SPOT + 0xFF0
                mov ecx, 8
                rep stosd
..@g1:          mov eax, ecx
        case "REP STOS: EDI"            ;= ok eax=00801000
                paging
                mov dword [PTE + 4], 0
                putgate IDT + 14 * 8, CODE0, ADDR(..@g2), G_INT32, 0
                mov edi, SPOT + 0xFF0
                mov ecx, 8
                rep stosd
..@g2:          mov eax, edi
        case "MOVS reads first"         ;= #PF(0000) at cr2=00800000 eax=00000000
                paging
                pte 0
                mov dword [PTE + 4], 0
                mov esi, SPOT
                mov edi, SPOT + 0x1000
        op      movsd
        case "PUSH of a missing page leaves ESP"        ;= ok eax=0080000C
                paging
                pte 0
                putgate IDT + 14 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x1C], PD
                call task
                mov esp, SPOT + 12
        op      push eax
..@g3:          mov eax, [TSS_A + 0x38]
        case "POP to a missing page leaves ESP" ;= #PF(0002) at cr2=00800000 eax=00090000
                paging
                pte 0
                push eax
                pop eax
                mov eax, esp
        op      pop dword [SPOT]
        case "an LDT that is missing"   ;= #PF(0000) at cr2=00202008 eax=0000000C
                paging
                mov dword [PT0 + 0x202 * 4], 0
                invlpg [LDT]
                mov eax, 0xC
        op      mov ds, ax
        case "tables of ring 0 are read at CPL 3"       ;= ok eax=00000053
                paging
                mov dword [PT0 + 0x200 * 4], GDT | 3
                mov dword [PT0 + 0x201 * 4], IDT | 3
                mov dword [PT0 + 0x203 * 4], TSS_A | 3
                ring 3
                mov eax, DATA3
        op      mov fs, ax
        case "#PF in #UD is served, then #UD again"     ;= ok eax=00000002
                paging
                mov dword [PT0 + 0x20F * 4], 0
                putgate IDT + 14 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x1C], PD
                call task
                ring 3
        op      ud2
..@g4:          pop eax
        case "#PF in #GP is served: no double fault"    ;= ok eax=00000002
                paging
                mov dword [PT0 + 0x20F * 4], 0
                putgate IDT + 14 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x1C], PD
                call task
                ring 3
        op      hlt
..@g5:          pop eax
        case "#PF in #PF is a double fault"     ;= ok eax=00000000
                paging
                mov dword [PT0 + 0x20F * 4], 0
                putgate IDT + 8 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x1C], PD
                call task
                pte 0
                ring 3
        op      mov eax, [SPOT]
..@g6:          pop eax
        case "#GP in #PF is a double fault"     ;= #DF(0000) at eax=00000000
                paging
                pte 0
                mov word [IDT + 14 * 8 + 2], DATA0
        op      mov eax, [SPOT]
        case "a breakpoint on a missing page comes first"       ;= #DB @00800000 dr6=0001 eax=00800000
                paging
                pte 0
                mov eax, SPOT
                mov dr0, eax
                mov ecx, 2
                mov dr7, ecx
                jmp eax
        case "and the fault after it"   ;= #DB @00800000 dr6=0001 eax=00800000 #PF(0000) @00800000 cr2=00800000 eax=00800000
                paging
                pte 0
                mov dword [r0_set_rf], 0x10000
                events 1
                mov eax, SPOT
                mov dr0, eax
                mov ecx, 2
                mov dr7, ecx
                jmp eax
cases_end

; Tables with everything of the first 8 MB for everybody, and two pages at SPOT; paging on. Changes EAX, ECX, EDI.
paging_on:
        mov edi, PD
        mov ecx, 0x6000 / 4
        xor eax, eax
        rep stosd
        mov dword [PD], PT0 | 0x27
        mov dword [PD + 4], PT0 + 0x1000 | 0x27
        mov dword [PDE], PT2 | 7
        mov edi, PT0
        mov eax, 0x67
        mov ecx, 2048
.page:  stosd
        add eax, 0x1000
        loop .page
        mov dword [PTE], FRAME | 7
        mov dword [PTE + 4], FRAME + 0x1000 | 7
        mov eax, PD
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        xor edi, edi
        ret

; TSS B becomes a task that goes on behind the instruction that the caller marked with `op`.
task:   mov eax, [r0_record]
        mov eax, [eax + 4]
        mov [TSS_B + 0x20], eax
        mov dword [TSS_B + 0x24], 2
        mov dword [TSS_B + 0x38], STACK_B
        mov word [TSS_B + 0x48], DATA0
        mov word [TSS_B + 0x4C], CODE0
        mov word [TSS_B + 0x50], DATA0
        mov word [TSS_B + 0x54], DATA0
        ret

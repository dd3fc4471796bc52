; Paging with 64-bit entries (PAE): the four pointers and when they are loaded, rights, 2 MB pages, reserved bits, no-execute (SDM vol. 3,
; 4.4, 4.6, 4.7; table 4-8; vol. 2, MOV CR). MAXPHYADDR is 36.
; QEMU 7.2 as n270: P is clear in the error code of a reserved bit (4.7); the pointers are read, and marked accessed, at each walk
; (4.4.1), and their reserved bits are not looked at when they should be loaded, after which it goes astray; MAXPHYADDR is 32.
%include "ring0.inc"

PDPT    equ 0x310000
PD      equ 0x311000
PT      equ 0x312000                    ; 8 to 10 MB
SPOT    equ 0x800000
FRAME   equ 0x380000
PTE     equ PT
PDE     equ PD + 4 * 8
WP      equ 0x10000

%macro pae 0-1 0
                call pae_on
  %if %1 != 0
                mov eax, cr0
                or eax, %1
                mov cr0, eax
  %endif
                xor eax, eax
%endmacro
; entry AT, LOW, HIGH
%macro entry 3
                mov dword [%1], %2
                mov dword [(%1) + 4], %3
%endmacro
%macro nxe 1
                mov ecx, 0xC0000080
                mov eax, %1
                xor edx, edx
                wrmsr
                xor eax, eax
%endmacro

cases
%macro access 5+ ; NAME, PTE, PDE, RING, INSTRUCTION
        case %1
                nxe 0
                pae WP
                entry PTE, FRAME | (%2), 0
                entry PDE, PT | (%3), 0
  %if %4 == 3
                ring 3
  %endif
        op      %5
%endmacro
        access "read", 7, 7, 0, mov ecx, [SPOT]         ;= ok
        access "user write", 7, 7, 3, mov [SPOT], ecx   ;= ok
        access "page not there", 6, 7, 0, mov ecx, [SPOT]       ;= #PF(0000) at cr2=00800000
        access "table not there", 7, 6, 3, mov [SPOT], ecx      ;= #PF(0006) at cr2=00800000
        access "user write, page read-only", 5, 7, 3, mov [SPOT], ecx   ;= #PF(0007) at cr2=00800000
        access "user write, table read-only", 7, 5, 3, mov [SPOT], ecx  ;= #PF(0007) at cr2=00800000
        access "user read, page supervisor", 3, 7, 3, mov ecx, [SPOT]   ;= #PF(0005) at cr2=00800000
        access "user read, table supervisor", 7, 3, 3, mov ecx, [SPOT]  ;= #PF(0005) at cr2=00800000
        access "write with WP, page read-only", 5, 7, 0, mov [SPOT], ecx        ;= #PF(0003) at cr2=00800000
        case "pointer not there"        ;= #PF(0000) at cr2=40000000
                pae
        op      mov eax, [0x40000000]
        case "pointer not there, user write"    ;= #PF(0006) at cr2=C0000123
                pae
                ring 3
        op      mov [0xC0000123], al
        case "a pointer has no R/W and no U/S"  ;= ok
                pae
                ring 3
        op      mov [SPOT], ecx
; ---- reserved bits ----
%macro reserved 4 ; NAME, ENTRY's address, low bits, high word
        case %1
                nxe 0
                pae
                entry %2, %3, %4
        op      mov ecx, [SPOT]
%endmacro
        reserved "PTE: bit 36", PTE, FRAME | 7, 0x10            ;= #PF(0009) at cr2=00800000
        reserved "PTE: bit 51", PTE, FRAME | 7, 0x80000         ;= #PF(0009) at cr2=00800000
        reserved "PTE: bit 62", PTE, FRAME | 7, 0x40000000      ;= #PF(0009) at cr2=00800000
        reserved "PTE: bit 63 without NXE", PTE, FRAME | 7, 0x80000000  ;= #PF(0009) at cr2=00800000
        reserved "PTE: bit 63, not there", PTE, FRAME | 6, 0x80000000   ;= #PF(0000) at cr2=00800000
        reserved "PDE: bit 36", PDE, PT | 7, 0x10               ;= #PF(0009) at cr2=00800000
        reserved "PDE: bit 52", PDE, PT | 7, 0x100000           ;= #PF(0009) at cr2=00800000
        reserved "PDE: bit 63 without NXE", PDE, PT | 7, 0x80000000     ;= #PF(0009) at cr2=00800000
        reserved "2 MB: bit 13", PDE, 0x2087, 0         ;= #PF(0009) at cr2=00800000
        reserved "2 MB: bit 20", PDE, 0x100087, 0       ;= #PF(0009) at cr2=00800000
        reserved "2 MB: bit 36", PDE, 0x87, 0x10        ;= #PF(0009) at cr2=00800000
        reserved "2 MB: bit 12 is PAT", PDE, 0x1087, 0  ;= ok
        reserved "2 MB", PDE, 0x87, 0   ;= ok
        reserved "available bits", PTE, FRAME | 0xE07, 0        ;= ok
        case "reserved, user write"     ;= #PF(000F) at cr2=00800000
                nxe 0
                pae
                entry PTE, FRAME | 7, 0x10
                ring 3
        op      mov [SPOT], ecx
; ---- no execute ----
%macro fetched 5 ; NAME, NXE, PTE's high word, PDE's, RING
        case %1
                pae
                nxe %2
                entry PTE, FRAME | 7, %3
                entry PDE, PT | 7, %4
                mov word [FRAME], 0x30CD
  %if %5 == 3
                ring 3
  %endif
                mov eax, SPOT
                jmp eax
%endmacro
        fetched "fetch", 0x800, 0, 0, 0 ;= ok
        fetched "fetch, NX of the page", 0x800, 0x80000000, 0, 0        ;= #PF(0011) @00800000 cr2=00800000
        fetched "fetch, NX of the table", 0x800, 0, 0x80000000, 0       ;= #PF(0011) @00800000 cr2=00800000
        fetched "user fetch, NX of the page", 0x800, 0x80000000, 0, 3   ;= #PF(0015) @00800000 cr2=00800000
        fetched "fetch, bit 63 without NXE", 0, 0x80000000, 0, 0        ;= #PF(0009) @00800000 cr2=00800000
        case "fetch, not there, NXE"    ;= #PF(0010) @00800000 cr2=00800000
                nxe 0x800
                pae
                entry PTE, 0, 0
                mov eax, SPOT
                jmp eax
        case "fetch, not there, no NXE" ;= #PF(0000) @00800000 cr2=00800000
                nxe 0
                pae
                entry PTE, 0, 0
                mov eax, SPOT
                jmp eax
        case "user fetch of a supervisor page, NXE"     ;= #PF(0015) @00800000 cr2=00800000
                nxe 0x800
                pae
                entry PTE, FRAME | 3, 0
                ring 3
                mov eax, SPOT
                jmp eax
        case "NX does not hinder data"  ;= ok
                nxe 0x800
                pae
                entry PTE, FRAME | 7, 0x80000000
        op      mov [SPOT], ecx
        case "2 MB page with NX"        ;= #PF(0011) @00800000 cr2=00800000
                nxe 0x800
                pae
                entry PDE, 0x87, 0x80000000
                mov eax, SPOT
                jmp eax
        case "an instruction over into a page with NX"  ;= #PF(0011) @00800FFE cr2=00801000
                nxe 0x800
                pae
                entry PTE + 8, FRAME + 0x1007, 0x80000000
                mov word [FRAME + 0xFFE], 0x00B8
                mov eax, SPOT + 0xFFE
                jmp eax
; ---- accessed and dirty ----
show S_EAX
        case "a write sets A and D"     ;= ok eax=00000067
                nxe 0
                pae
                mov [SPOT], ecx
                movzx eax, byte [PTE]
        case "A in the directory"       ;= ok eax=00000027
                pae
                mov [SPOT], ecx
                movzx eax, byte [PDE]
        case "none in the pointers"     ;= ok eax=00000001
                pae
                mov [SPOT], ecx
                movzx eax, byte [PDPT]
        case "2 MB page: D"             ;= ok eax=000000E7
                pae
                entry PDE, 0x87, 0
                mov [SPOT + FRAME - 0x300000], ecx
                movzx eax, byte [PDE]
        case "the upper half stays"     ;= ok eax=80000000
                nxe 0x800
                pae
                entry PTE, FRAME | 7, 0x80000000
                mov [SPOT], ecx
                mov eax, [PTE + 4]
        case "4 GB and beyond: nothing answers"         ;= ok eax=FFFFFFFF
                nxe 0
                pae
                entry PTE, 0x7, 1
        op      mov eax, [SPOT]
; ---- the pointers ----
show 0
%macro pointer 3 ; NAME, LOW, HIGH of the second
        case %1
                nxe 0
                pae
                entry PDPT + 8, %2, %3
                mov eax, cr3
        op      mov cr3, eax
%endmacro
        pointer "pointer: bit 1", PD | 3, 0     ;= #GP(0000) at
        pointer "pointer: bit 2", PD | 5, 0     ;= #GP(0000) at
        pointer "pointer: bit 5", PD | 0x21, 0  ;= #GP(0000) at
        pointer "pointer: bit 8", PD | 0x101, 0 ;= #GP(0000) at
        pointer "pointer: bit 36", PD | 1, 0x10 ;= #GP(0000) at
        pointer "pointer: bit 63", PD | 1, 0x80000000   ;= #GP(0000) at
        pointer "pointer: bits 3 and 4", PD | 0x19, 0   ;= ok
        pointer "pointer: bits 9 to 11", PD | 0xE01, 0  ;= ok
        pointer "pointer: not there, anything", PD | 0x1FE, -1  ;= ok
        case "a bad pointer when paging comes on"       ;= #GP(0000) at
                pae
                mov eax, cr0
                and eax, 0x7FFFFFFF
                mov cr0, eax
                entry PDPT + 8, PD | 3, 0
                or eax, 0x80000000
        op      mov cr0, eax
        case "a bad pointer when PAE comes on"          ;= #GP(0000) at
                pae
                mov eax, cr0
                and eax, 0x7FFFFFFF
                mov cr0, eax
                xor eax, eax
                mov cr4, eax
                mov dword [PDPT], PT + 0x1007   ; also a page directory of 32-bit entries
                mov dword [PT + 0x1000], 0x87
                mov edi, PDPT
                mov ecx, 4
                mov eax, 0x87
..@p1:          stosd
                add eax, 0x400000
                loop ..@p1
                mov eax, 0x10
                mov cr4, eax
                mov eax, cr0
                or eax, 0x80000000
                mov cr0, eax
                mov eax, 0x30
        op      mov cr4, eax
        case "a pointer is not seen before MOV CR3"     ;= #PF(0000) at cr2=40800000
                pae
                entry PDPT + 8, PD | 1, 0
        op      mov eax, [0x40000000 + SPOT]
        case "and is after it"          ;= ok
                pae
                entry PDPT + 8, PD | 1, 0
                mov eax, cr3
                mov cr3, eax
        op      mov eax, [0x40000000 + SPOT]
        case "CR3: the table is aligned to 32 bytes"    ;= ok
                pae
                mov dword [PDPT + 0x20], PD | 1
                mov eax, PDPT + 0x20
        op      mov cr3, eax
                mov eax, [SPOT]
        case "WRMSR of a reserved bit of EFER"  ;= #GP(0000) at
                mov ecx, 0xC0000080
                mov eax, 0x80000000
                xor edx, edx
        op      wrmsr
cases_end

; The first 8 MB as they are, for everybody, and two pages at SPOT; PAE and paging on. Changes EAX, ECX, EDI.
pae_on: mov edi, PDPT
        mov ecx, 0x3000 / 4
        xor eax, eax
        rep stosd
        mov dword [PDPT], PD | 1
        mov edi, PD
        mov eax, 0xE7
        mov ecx, 4
.page:  stosd
        add edi, 4
        add eax, 0x200000
        loop .page
        mov dword [PDE], PT | 7
        mov dword [PTE], FRAME | 7
        mov dword [PTE + 8], FRAME + 0x1000 | 7
        mov eax, 0x20
        mov cr4, eax
        mov eax, PDPT
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        xor edi, edi
        ret

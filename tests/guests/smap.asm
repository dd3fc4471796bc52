; A supervisor under SMAP that opens user pages by STAC and closes them by CLAC, often enough to be translated, and now
; and then forgets to; then the same with a function that is called in both states, and with SMAP off.
; Expected: COM1 "up\n", then 0 to port F4h if the sums are right, 1 to 3 if the page faults, the sum or the faults' error
; codes are not; 4 if there is no SMAP, 5 to 7 if the function's or what is done without SMAP is not.
%include "guest.inc"

ROUNDS    equ 4000
DIRECTORY equ 0x300000
TABLE     equ 0x301000
USER      equ 0x200000                  ; the one user page
IDT       equ 0x302000
OWN       equ 0x303000                  ; a page of the supervisor's

main:
        say "up"
        mov eax, 7
        xor ecx, ecx
        cpuid
        bt ebx, 20
        mov eax, 4
        jnc wrong
; The first 4 MB lie where they are.
        mov edi, TABLE
        mov eax, 3                      ; present, writable
.page:  mov [edi], eax
        add eax, 0x1000
        add edi, 4
        cmp edi, TABLE + 0x1000
        jne .page
        or dword [TABLE + (USER >> 12) * 4], 4
        mov dword [DIRECTORY], TABLE + 7
        mov eax, fault
        mov [IDT + 14 * 8], ax
        mov [IDT + 14 * 8 + 2], cs
        mov word [IDT + 14 * 8 + 4], 0x8E00
        shr eax, 16
        mov [IDT + 14 * 8 + 6], ax
        lidt [idtr]
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr4
        or eax, 1 << 21
        mov cr4, eax
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax

        xor ebx, ebx
        mov ecx, ROUNDS
.round: test cl, 15
        jz .forgotten
        stac
.forgotten:
        mov [USER], ecx                 ; a write comes first, so that the fault is one
        mov eax, [USER]
        clac
        add ebx, eax
        dec ecx
        jnz .round

        cmp dword [faults], ROUNDS / 16
        mov eax, 1
        jne wrong
        cmp ebx, ROUNDS * (ROUNDS + 1) / 2
        mov eax, 2
        jne wrong
        cmp dword [others], 0
        mov eax, 3
        jne wrong

; One function reads a user's page and a supervisor's, the latter also while user pages are open.
        mov dword [faults], 0
        mov dword [error], 1
        mov dword [OWN], 3
        xor ebx, ebx
        mov ecx, ROUNDS
.both:  mov esi, OWN
        call read
        stac
        mov esi, USER
        mov [esi], ecx
        call read
        mov esi, OWN
        call read
        clac
        test cl, 31
        jnz .kept
        mov esi, USER
        call read                       ; faults
        clac
.kept:  dec ecx
        jnz .both
        cmp dword [faults], ROUNDS / 32
        mov eax, 5
        jne wrong
        cmp dword [others], 0
        jne wrong
; 6 a round, the rounds' numbers, and those of the rounds with a fault, which is gone on from with AC set, once more.
        cmp ebx, ROUNDS * 6 + ROUNDS * (ROUNDS + 1) / 2 + 32 * (ROUNDS / 32) * (ROUNDS / 32 + 1) / 2
        mov eax, 6
        jne wrong

; Without SMAP nothing is closed.
        mov eax, cr4
        and eax, ~(1 << 21)
        mov cr4, eax
        mov ecx, ROUNDS
.open:  stac
        mov esi, USER
        call read
        clac
        call read
        dec ecx
        jnz .open
        cmp dword [faults], ROUNDS / 32
        mov eax, 7
        jne wrong
        exit 0
        jmp $

read:   add ebx, [esi]
        ret

wrong:  mov edx, EXIT_PORT
        out dx, al
        jmp $

; An access to a present page by a supervisor: error code 3 for the writes of the first part, then 1. Goes on with AC set.
fault:
        inc dword [faults]
        push eax
        mov eax, [error]
        cmp [esp + 4], eax
        pop eax
        je .right
        inc dword [others]
.right: or dword [esp + 12], 1 << 18
        add esp, 4
        iretd

idtr:   dw 15 * 8 - 1
        dd IDT
align 4
faults: dd 0
others: dd 0
error:  dd 3

; System management mode: its memory opened, filled, locked and hidden; the base moved; a handler that counts, changes what
; it interrupts, and reads what lies in front of its memory when that is closed to data.
; Expected: COM1 "up", the lines of `field` with the values in the comments, "undefined"; exit status 1.
%include "guest.inc"

RESET   equ 0x30000                     ; SMBASE after reset
MOVED   equ 0xA0000                     ; where it goes
ENTRY   equ 0x8000
SMRAM   equ 0x72                        ; register of the host bridge (82441FX)
OPEN    equ 0x4A
USUAL   equ 0x0A
CLOSED  equ 0x2A
LOCKED  equ 0x1A
ROUNDS  equ 20000

%macro smram 1
        mov al, %1
        call set_smram
%endmacro

%macro smi 0
        mov al, 0x77
        out 0xB2, al
%endmacro

main:
        say "up"
        mov eax, 0x80000B58             ; DEVACTB of the PIIX4: APMC raises SMI#
        mov dx, 0xCF8
        out dx, eax
        mov eax, 1 << 25
        mov dx, 0xCFC
        out dx, eax
        mov dx, 0xB028                  ; GLBCTL: SMI# is on
        mov eax, 1
        out dx, eax

; The first handler only moves the base.
        mov esi, first
        mov edi, RESET + ENTRY
        mov ecx, first_end - first
        rep movsb
        smi
        mov eax, [RESET + 0xFEF8]
        field "base"                    ; 000A0000: as the handler left it

        mov dword [0xB8000], 0x07410742 ; on the screen, which lies in front
        smram OPEN
        mov esi, second
        mov edi, MOVED + ENTRY
        mov ecx, second_end - second
        rep movsb
        mov dword [MOVED + count], 0
        mov dword [0xB8000], 0x12345678 ; in the memory behind it
        smram USUAL
        mov eax, [0xB8000]
        field "front"                   ; 07410742

; Each one adds 3 to EBX, which is saved and restored, and counts.
        mov ebx, 0x1000
        mov edi, USUAL                  ; what the handler reads the screen's memory with
        mov ecx, ROUNDS
.next:  smi
        loop .next
        mov eax, ebx
        field "ebx"                     ; 0000FA60: 1000h + 3 * ROUNDS
        mov eax, ebp
        field "behind"                  ; 12345678: what the handler reads at B8000h

        mov edi, CLOSED
        smi
        mov eax, ebp
        field "closed"                  ; 07410742: data goes to the screen, and code still comes from the memory

        smram LOCKED
        smram OPEN
        mov eax, [0xB8000]
        field "locked"                  ; 07410742: it does not open any more
        mov edi, LOCKED
        smi
        mov eax, ebp
        field "still"                   ; 12345678

; Outside, RSM is no instruction: the exception's handler is reached.
        mov eax, undefined
        mov [idt + 6 * 8], ax
        mov word [idt + 6 * 8 + 2], cs
        mov word [idt + 6 * 8 + 4], 0x8E00
        shr eax, 16
        mov [idt + 6 * 8 + 6], ax
        lidt [idt_at]
        rsm
        hlt
undefined:
        say "undefined"
        exit 0

; AL to the SMRAM register.
set_smram:
        push eax
        mov eax, 0x80000000 | (SMRAM & 0xFC)
        mov dx, 0xCF8
        out dx, eax
        pop eax
        mov dx, 0xCFC + (SMRAM & 3)
        out dx, al
        ret

idt_at: dw 7 * 8 - 1
        dd idt
align 8
idt:    times 7 dq 0

bits 16
first:
        mov dword [cs:0xFEF8], MOVED
        rsm
first_end:

second:
        mov eax, [cs:0xFFDC]            ; EBX in the save map
        add eax, 3
        mov [cs:0xFFDC], eax
        mov eax, 0x80000000 | (SMRAM & 0xFC)
        mov dx, 0xCF8
        out dx, eax
        mov dx, 0xCFC + (SMRAM & 3)
        mov al, [cs:0xFFEC]             ; EDI
        out dx, al
        mov ebx, 0xB8000
        mov ebx, [ebx]
        and al, ~0x20
        out dx, al
        mov [cs:0xFFE4], ebx            ; EBP
        inc dword [cs:count]
        rsm
second_end:
count   equ 0x7000

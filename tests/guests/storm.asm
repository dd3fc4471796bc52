; Every timer as fast as it goes, far faster than a host can serve it, with IF clear: what runs meanwhile goes on all the same.
; Expected: COM1 "up\n", then 0 to port F4h, in seconds.
%include "guest.inc"

HPET        equ 0xfed00000
LOCAL_APIC  equ 0xfee00000
ROUNDS      equ 20000000

main:
        say "up"
        mov al, 0x34                    ; PIT, counter 0: mode 2, divided by 2
        out 0x43, al
        mov al, 2
        out 0x40, al
        mov al, 0
        out 0x40, al

        mov al, 0x0a                    ; RTC: 32.768 kHz, divided by 4
        out 0x70, al
        mov al, 0x23
        out 0x71, al
        mov al, 0x0b                    ; the periodic interrupt
        out 0x70, al
        mov al, 0x42
        out 0x71, al

        mov edi, HPET + 0x100           ; HPET: each timer periodic, every tick
        mov ecx, 3
.timer: mov dword [edi], 0x4c
        mov dword [edi + 8], 1
        mov dword [edi + 8], 1
        add edi, 0x20
        loop .timer
        mov dword [HPET + 0x10], 1

        mov dword [LOCAL_APIC + 0xf0], 0x1ff    ; its timer: periodic, every clock
        mov dword [LOCAL_APIC + 0x3e0], 0xb
        mov dword [LOCAL_APIC + 0x320], 0x20040
        mov dword [LOCAL_APIC + 0x380], 1

        mov ecx, ROUNDS
.round: dec ecx
        jnz .round
        exit 0
        jmp $

; 16-bit code, often enough to be translated: protected mode with limits that are hit, then real mode with far pointers,
; far calls, one function under two code segments, and jumps around the end of 64 KB.
; Expected: COM1 "up\nfaults=000005DC\nsum=B2FB746B\nwraps=2EE02EE0\n"; exit status 1.
%include "guest.inc"

ROUNDS  equ 12000
LOW     equ 0x8000                      ; where the 16-bit part lies
DATA    equ 0x2000                      ; the first of four data segments of real mode, 800h apart
ALIAS   equ 0x100                       ; how far the second code segment lies below the first
TAIL    equ 0xFF80                      ; where the code lies that goes around the end of 64 KB

main:
        say "up"
        cli
        mov esi, section.low.start
        mov edi, LOW
        mov ecx, low_end
        rep movsb
        lgdt [gdt_at]
        lidt [idt_at]
        jmp 0x18:protected

gdt_at: dw gdt_end - gdt - 1
        dd gdt
idt_at: dw 14 * 8 - 1
        dd LOW + idt
align 8
gdt:    dq 0
        dq 0x00CF9B000000FFFF           ; 08: 32-bit code
        dq 0x00CF93000000FFFF           ; 10: data
        dw 0xFFFF, LOW, 0x9B00, 0       ; 18: 16-bit code
        dw low_end - 1, LOW, 0x9300, 0  ; 20: data, to the end of this part and no further
        dw 0x0FFF, 0, 0x9706, 0         ; 28: stack at 60000h, expand-down: from 1000h on
        dq 0x000093000000FFFF           ; 30: data as real mode has it
gdt_end:

section low vstart=0 follows=.text align=16
bits 16

protected:
        mov ax, 0x20
        mov ds, ax
        mov es, ax
        mov ax, 0x28
        mov ss, ax
        mov sp, 0x1100

; Every 16th read lies past the limit: the handler counts and skips it.
        xor edx, edx
        mov cx, ROUNDS
.read:  mov bx, cx
        test bl, 15
        jnz .in
        mov bx, low_end - 1             ; the second byte is one too many
        jmp .do
.in:    and bx, 255
.do:    xor ax, ax
        mov ax, [bx]                    ; two bytes, which the handler knows
        add edx, eax
        push dx
        push cx
        call .turn
        pop cx
        pop ax
        add dx, ax
        loop .read
        mov [sum], edx

; A fault for each of as many writes below the stack's lowest offset.
        mov bp, 0xFFE
        mov cx, ROUNDS / 16
.below: mov [bp], cx                    ; three bytes
        loop .below
        jmp .real

.turn:  rol edx, 3
        ret

.real:  mov ax, 0x30                    ; limits of real mode
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov eax, cr0
        and al, 0xFE
        mov cr0, eax
        jmp LOW >> 4:real

; #SS and #GP through 16-bit gates: an error code, IP, CS, flags. Both go on after the instruction.
stack_fault:
        add sp, 2
        push bp
        mov bp, sp
        add word [bp + 2], 3
        jmp fault.count
fault:  add sp, 2
        push bp
        mov bp, sp
        add word [bp + 2], 2
.count: inc dword [faults]
        pop bp
        iret

real:   mov ax, LOW >> 4
        mov ds, ax
        mov ax, 0x6000
        mov ss, ax
        mov sp, 0xFFF0
        lidt [ivt]

; Four segments, each filled with other words.
        mov bx, 4
        mov ax, DATA
.fill:  mov es, ax
        push ax
        xor di, di
        mov cx, 0x4000
.word:  add ax, cx
        rol ax, 1
        stosw
        loop .word
        pop ax
        add ax, 0x800
        dec bx
        jnz .fill

; Sums over far pointers, each of which goes on from segment to segment.
        mov cx, ROUNDS
        mov edx, [sum]
.far:   mov si, cx
        and si, 3
        shl si, 2
        les di, [pointers + si]
        mov eax, [es:di]
        add edx, eax
        add di, 6
        and di, 0x7FFC
        mov [pointers + si], di
        push es
        pop fs
        xor [fs:di + 2], dx
        ; The same function under two segments: near and far, and far again.
        call spin
        call LOW >> 4:spin_far
        call (LOW >> 4) - (ALIAS >> 4):spin_far + ALIAS
        loop .far
        mov [sum], edx

; Code at the end of 64 KB that jumps and calls around it.
        push ds
        pop es
        mov si, tail
        mov di, TAIL
        mov cx, tail_end - tail
        rep movsb
        mov si, head
        mov di, head_at
        mov cx, head_end - head
        rep movsb
        xor eax, eax
        mov cx, ROUNDS
        mov bx, TAIL
        call bx

        push eax
        mov si, faults_text
        mov eax, [faults]
        call tell
        mov si, sum_text
        mov eax, [sum]
        call tell
        mov si, wraps_text
        pop eax
        call tell
        exit 0
        jmp $

spin:   rol edx, 1
        xor dx, cx
        ret
spin_far:
        ror edx, 5
        add dx, cx
        retf

; Sends the text at SI and EAX. Changes SI.
tell:   push ax
.text:  lodsb
        test al, al
        jz .digits
        call send
        jmp .text
.digits:
        pop ax
        mov cx, 8
.digit: rol eax, 4
        push ax
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        call send
        pop ax
        loop .digit
        mov al, 10
send:   push dx
        push ax
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop ax
        mov dx, COM1
        out dx, al
        pop dx
        ret

; Runs at TAIL: the branch to `head` and the one back go around the end.
tail:   inc eax
        jmp $ + head_at + 0x10000 - TAIL - ($ - tail)
.back:  loop tail
        ret
tail_end:
; Runs at head_at, at the beginning of the segment's free part.
head:   add eax, 0x10000
        jmp $ + TAIL + (tail.back - tail) - head_at - ($ - head)
head_end:

align 8
idt:    times 12 dq 0
        dw stack_fault, 0x18, 0x8600, 0 ; #SS
        dw fault, 0x18, 0x8600, 0       ; #GP
pointers:
        dw 0, DATA, 2, DATA + 0x800, 4, DATA + 0x1000, 6, DATA + 0x1800
ivt:    dw 0x3FF
        dd 0
sum:    dd 0
faults: dd 0
faults_text:
        db "faults=", 0
sum_text:
        db "sum=", 0
wraps_text:
        db "wraps=", 0
align 16
head_at:
        times 16 db 0
low_end:

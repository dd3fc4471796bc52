; Code that changes code, as interpreters, loaders and kernels do, often enough to be translated.
; Expected: COM1 "up\n", then 0 to port F4h if every sum is right, else the number of the part that is wrong:
; exit status (number << 1) | 1.
%include "guest.inc"

ROUNDS equ 3000

main:
        say "up"

; 1: a function's immediate is patched before each call.
        xor ebx, ebx
        mov ecx, ROUNDS
.patch: mov [number + 1], ecx
        call give
        add ebx, eax
        dec ecx
        jnz .patch
        cmp ebx, ROUNDS * (ROUNDS + 1) / 2
        mov eax, 1
        jne wrong

; 2: data beside code: a counter in the same chunk of the page.
        mov ecx, ROUNDS
.beside:
        inc dword [..@beside]
        jmp short .over
..@beside: dd 0
.over:  dec ecx
        jnz .beside
        cmp dword [..@beside], ROUNDS
        mov eax, 2
        jne wrong

; 3: the next instruction, in the same block: it has to be the new one that runs.
        xor ebx, ebx
        mov ecx, ROUNDS
.next:  mov [.imm + 2], cl
        ; add ebx, imm8
.imm:   db 0x83, 0xC3, 0
        dec ecx
        jnz .next
        xor edx, edx
        mov ecx, ROUNDS
.sum:   movsx eax, cl
        add edx, eax
        dec ecx
        jnz .sum
        cmp ebx, edx
        mov eax, 3
        jne wrong

; 4: code made at run time, each time elsewhere in a page: mov eax, n; ret.
        xor ebx, ebx
        mov ecx, ROUNDS
.make:  mov edi, ecx
        and edi, 63
        shl edi, 4
        add edi, room
        mov byte [edi], 0xB8
        mov [edi + 1], ecx
        mov byte [edi + 5], 0xC3
        call edi
        add ebx, eax
        dec ecx
        jnz .make
        cmp ebx, ROUNDS * (ROUNDS + 1) / 2
        mov eax, 4
        jne wrong

; 5: code copied by a string instruction over code that has run.
        xor ebx, ebx
        mov ecx, ROUNDS
.copy:  push ecx
        mov esi, one
        test cl, 1
        jz .put
        mov esi, two
.put:   mov edi, target
        mov ecx, 6
        rep movsb
        call target
        add ebx, eax
        pop ecx
        dec ecx
        jnz .copy
        cmp ebx, ROUNDS / 2 * 3
        mov eax, 5
        jne wrong
        exit 0
        jmp $

wrong:  mov edx, EXIT_PORT
        out dx, al
        jmp $

give:
number: mov eax, 0
        ret

one:    mov eax, 1
        ret
two:    mov eax, 2
        ret

align 64
target: times 16 nop

align 4096
room:   times 4096 db 0x90

; Recursive Fibonacci numbers, the interpreter's first yardstick: calls, returns, the stack, no devices.
; fib(30), ROUNDS times (default 10), each 37,695,513 instructions, with a dot on COM1 after each.
; Expected: COM1 "S", ROUNDS dots, "K\n" if every result was 832040 ("X\n" if not); exit status 1.
%include "guest.inc"
%ifndef ROUNDS
  %define ROUNDS 10
%endif
RESULT  equ 832040

main:
        mov al, 'S'
        call putc
        mov edi, ROUNDS
        mov ebp, 'K'
.round: push dword 30
        call fib
        pop ecx
        cmp eax, RESULT
        je .right
        mov ebp, 'X'
.right: mov al, '.'
        call putc
        dec edi
        jnz .round
        mov eax, ebp
        call putc
        mov al, 10
        call putc
        exit 0
        jmp $

; EAX = fib([esp + 4]), as a compiler would write it: callee-saved registers, arguments on the stack.
        align 16
fib:    push ebx
        push esi
        mov ebx, [esp + 12]
        mov eax, ebx
        cmp ebx, 2
        jb .done
        dec eax
        push eax
        call fib
        pop ecx
        mov esi, eax
        sub ebx, 2
        push ebx
        call fib
        pop ecx
        add eax, esi
.done:  pop esi
        pop ebx
        ret

; Takes COUNT bytes (default 5) from COM1 by polling and says sum = sum * 31 + byte over them.
; Expected: COM1 "up\n", then "sum=" and eight digits; exit status 1.
%include "guest.inc"
%ifndef COUNT
  %define COUNT 5
%endif

main:
        mov dx, COM1 + 2
        mov al, 0x07                    ; FIFOs on and empty
        out dx, al
        say "up"
        mov ecx, COUNT
        xor ebx, ebx
.next:  mov dx, COM1 + 5
.wait:  in al, dx
        test al, 1                      ; data ready
        jz .wait
        mov dx, COM1
        in al, dx
        movzx eax, al
        imul ebx, ebx, 31
        add ebx, eax
        dec ecx
        jnz .next
        mov eax, ebx
        field "sum"
        exit 0
        jmp $

; Accesses off ESP and EBP share a check.
bits 32
        push    ebp
        mov     ebp, esp
        sub     esp, 16
        mov     eax, [ebp+8]
        mov     [ebp-4], eax
        mov     eax, [ebp+12]
        mov     [ebp-8], eax
        add     eax, [ebp-4]
        leave
        ret

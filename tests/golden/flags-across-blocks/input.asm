; Flags set in one block and looked at in another.
bits 32
        add     eax, ebx
        jmp     next
next:   jc      carry
        sete    cl
carry:  ret

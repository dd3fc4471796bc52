; A call within the region, and the return to it.
bits 32
        call    twice
        mov     ebx, eax
        jmp     done
twice:  add     eax, eax
        ret
done:   hlt

; A sum of 96 bits: each carry goes to the next.
bits 32
        add     eax, [esi]
        adc     ebx, [esi+4]
        adc     ecx, [esi+8]
        ret

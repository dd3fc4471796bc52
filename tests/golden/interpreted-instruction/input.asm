; Instructions the translator has no wasm for, in the middle.
bits 32
        add     eax, 1
        rdtsc
        cpuid
        mov     ebx, eax
        ret

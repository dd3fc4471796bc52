; The I/O permission bitmap (SDM vol. 1, 19.5.2; vol. 3, 7.2.1), IOPL, and ports in virtual-8086 mode.
; QEMU 7.2: REP OUTS asks for permission with ECX 0 too (vol. 2, REP: nothing is executed then).
%include "ring0.inc"

MAP     equ TSS_A + 0x68

; The bitmap begins at 68h; its bytes for the ports 80h to 9Fh allow all until `deny`.
%macro bitmap 0
                mov word [TSS_A + 0x66], 0x68
                mov dword [MAP + 0x10], 0
%endmacro
%macro deny 1
                or byte [MAP + (%1) / 8], 1 << ((%1) & 7)
%endmacro
%macro tss_limit 1
                put GDT + SEL_A, TSS_A, %1, 0x89, 0
                mov ax, SEL_A
                ltr ax
%endmacro

cases
        case "allowed"                  ;= ok
                bitmap
                ring 3
        op      in al, 0x80
        case "denied"                   ;= #GP(0000) at
                bitmap
                deny 0x80
                ring 3
        op      in al, 0x80
        case "denied, OUT"              ;= #GP(0000) at
                bitmap
                deny 0x80
                ring 3
        op      out 0x80, al
        case "denied, but IOPL is 3"    ;= ok
                bitmap
                deny 0x80
                ring 3, 0x3002
        op      in al, 0x80
        case "denied, CPL 1, IOPL 0"    ;= #GP(0000) at
                bitmap
                deny 0x80
                ring 1
        op      in al, 0x80
        case "denied, CPL 1, IOPL 1"    ;= ok
                bitmap
                deny 0x80
                ring 1, 0x1002
        op      in al, 0x80
        case "denied, CPL 0"            ;= ok
                bitmap
                deny 0x80
        op      in al, 0x80
        case "the port beside"          ;= ok
                bitmap
                deny 0x81
                ring 3
        op      in al, 0x80
        case "a word over a denied port"        ;= #GP(0000) at
                bitmap
                deny 0x81
                ring 3
        op      in ax, 0x80
        case "a doubleword's last byte" ;= #GP(0000) at
                bitmap
                deny 0x83
                ring 3
        op      in eax, 0x80
        case "a doubleword before a denied port"        ;= ok
                bitmap
                deny 0x84
                ring 3
        op      in eax, 0x80
        case "a word over two bytes of the map" ;= #GP(0000) at
                bitmap
                deny 0x88
                ring 3
        op      in ax, 0x87
        case "a doubleword over two bytes of the map"   ;= #GP(0000) at
                bitmap
                deny 0x88
                ring 3
        op      in eax, 0x85
        case "through DX"               ;= #GP(0000) at
                bitmap
                deny 0x81
                ring 3
                mov edx, 0x81
        op      in al, dx
        case "INSB, denied"             ;= #GP(0000) at
                bitmap
                deny 0x80
                ring 3
                mov edx, 0x80
                mov edi, 0x2F0000
        op      insb
        case "INSB, allowed"            ;= ok
                bitmap
                ring 3
                mov edx, 0x80
                mov edi, 0x2F0000
        op      insb
        case "OUTSD, denied in its third byte"  ;= #GP(0000) at
                bitmap
                deny 0x82
                ring 3
                mov edx, 0x80
                mov esi, image
        op      outsd
        case "REP OUTSB with ECX 0 accesses nothing" ;= ok
                bitmap
                deny 0x80
                ring 3
                mov edx, 0x80
                mov esi, image
        op      rep outsb
        case "the last port that fits"  ;= ok
                bitmap
                tss_limit 0x68 + 0x11
                ring 3
        op      in al, 0x87
        case "the byte after is needed too"     ;= #GP(0000) at
                bitmap
                tss_limit 0x68 + 0x10
                ring 3
        op      in al, 0x80
        case "past the limit"           ;= #GP(0000) at
                bitmap
                tss_limit 0x68 + 0x11
                ring 3
        op      in al, 0x88
        case "a base beyond the limit"  ;= #GP(0000) at
                mov word [TSS_A + 0x66], 0x2088
                ring 3
        op      in al, 0x80
        case "a base elsewhere"         ;= ok
                mov word [TSS_A + 0x66], 0x70
                mov byte [TSS_A + 0x70 + 0x10], 0
                mov byte [TSS_A + 0x70 + 0x11], 0
                ring 3
        op      in al, 0x80
        case "a TSS that ends before the base"  ;= #GP(0000) at
                bitmap
                tss_limit 0x66
                ring 3
        op      in al, 0x80
        case "a 16-bit TSS"             ;= #GP(0000) at
                put GDT + SEL_A, TSS_A, 0x2087, 0x81, 0
                mov dword [TSS_A + 2], DATA0 << 16 | 0x7000
                mov ax, SEL_A
                ltr ax
                bitmap
                ring 3
        op      in al, 0x80
        case "virtual-8086 mode, allowed"       ;= ok
                bitmap
                v86
        op      in al, 0x80
        case "virtual-8086 mode, denied, IOPL 3"        ;= #GP(0000) at
                bitmap
                deny 0x80
                v86 0x3002
        op      in al, 0x80
        case "virtual-8086 mode, denied, OUTSB" ;= #GP(0000) at
                bitmap
                deny 0x80
                v86 0x3002
                mov dx, 0x80
        op      outsb
cases_end

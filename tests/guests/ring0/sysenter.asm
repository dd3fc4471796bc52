; SYSENTER and SYSEXIT (SDM vol. 2; vol. 3, 5.8.7): the segments follow from one MSR, whatever the descriptors say.
; QEMU 7.2: an MSR with an RPL only is taken for a selector (vol. 2, SYSENTER: bits 15 to 2 are what counts).
%include "ring0.inc"

; msrs CS, ESP, EIP
%macro msrs 3
                xor edx, edx
                mov ecx, 0x174
                mov eax, %1
                wrmsr
                inc ecx
                mov eax, %2
                wrmsr
                inc ecx
                mov eax, %3
                wrmsr
                xor eax, eax
%endmacro

cases
show S_CS | S_FL | S_SP
        case "SYSENTER from ring 3"     ;= ok cs=0008 fl=000000 sp=0010:0020E000
                msrs CODE0, 0x20E000, ..@a1
                ring 3, 0x202
        op      sysenter
                ud2
..@a1:
        case "SYSENTER from ring 0"     ;= ok cs=0008 fl=000000 sp=0010:0020E000
                msrs CODE0, 0x20E000, ..@a2
        op      sysenter
                ud2
..@a2:
        case "the RPL in the MSR does not count"        ;= ok cs=0008 fl=000000 sp=0010:0020E000
                msrs CODE0 + 3, 0x20E000, ..@a3
                ring 3
        op      sysenter
                ud2
..@a3:
        case "IOPL, AC, ID and DF stay" ;= ok cs=0008 fl=243400 sp=0010:0020E000
                msrs CODE0, 0x20E000, ..@a4
                ring 3, 0x243602
        op      sysenter
                ud2
..@a4:
        case "NT stays"                 ;= ok cs=0008 fl=004000 sp=0010:0020E000
                msrs CODE0, 0x20E000, ..@a5
                ring 3, 0x4002
        op      sysenter
                ud2
..@a5:
        case "SYSENTER without an MSR"  ;= #GP(0000) at cs=004B fl=000000 sp=0053:00216000
                msrs 0, 0x20E000, ..@a6
                ring 3
        op      sysenter
..@a6:
        case "with one of which only the RPL is set"    ;= #GP(0000) at cs=004B fl=000000 sp=0053:00216000
                msrs 3, 0x20E000, ..@a7
                ring 3
        op      sysenter
..@a7:
        case "descriptors that are not present do not matter"   ;= ok cs=0098 fl=000000 sp=00A0:0020E000
                msrs T1, 0x20E000, ..@a8
                put GDT + T2, 0, 0xFFFFF, A_DATA, F_32 | F_G
                and byte [GDT + T2 + 5], 0x7F
                ring 3
        op      sysenter
                ud2
..@a8:
        case "SYSEXIT"                  ;= ok cs=00AB fl=000000 sp=00B3:00215000
                msrs T1, 0, 0
                mov edx, ..@b1
                mov ecx, 0x215000
        op      sysexit
                ud2
..@b1:
        case "SYSEXIT leaves the flags" ;= ok cs=00AB fl=247600 sp=00B3:00215000
                msrs T1, 0, 0
                mov edx, ..@b2
                mov ecx, 0x215000
                push dword 0x247602
                popfd
        op      sysexit
                ud2
..@b2:
        case "SYSEXIT without an MSR"   ;= #GP(0000) at cs=0008 fl=000000 sp=0010:00090000
                msrs 0, 0, 0
        op      sysexit
        case "SYSEXIT at CPL 3"         ;= #GP(0000) at cs=004B fl=000000 sp=0053:00216000
                msrs CODE0, 0, 0
                ring 3
        op      sysexit
        case "SYSEXIT at CPL 1"         ;= #GP(0000) at cs=0029 fl=000000 sp=0031:00212000
                msrs CODE0, 0, 0
                ring 1
        op      sysexit
show S_CS | S_EAX
        case "there and back"           ;= ok cs=001B eax=00000003
                msrs CODE0, 0x20E000, ..@c1
                ring 3
                mov eax, 1
                mov ecx, esp
                mov edx, ..@c2
        op      sysenter
                ud2
..@c1:          inc eax
                sysexit
..@c2:          inc eax
        case "a segment of 4 GB"        ;= ok cs=0090 eax=1BADB002
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
                put GDT + T1, 0, 0xFFF, A_DATA, F_32
                msrs T0, 0x20E000, ..@c3
                ring 3
        op      sysenter
                ud2
..@c3:          mov eax, [cs:0x100000]
        case "data segments are kept"   ;= ok cs=0008 eax=00000053
                msrs CODE0, 0x20E000, ..@c4
                ring 3
        op      sysenter
                ud2
..@c4:          mov eax, ds
cases_end

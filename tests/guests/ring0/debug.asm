; Breakpoints on execution, data and ports, and RF (SDM vol. 3, 17.2, 17.3; 6.8.3; table 6-2).
; QEMU 7.2: a breakpoint after MOV SS is seen (6.8.3); the length and the low bits of a data breakpoint's address do not count (17.2.5);
; it stops with an error of its own where the stack of an exception meets one.
%include "ring0.inc"

DATA    equ 0x2F0000

; breakpoint N, ADDRESS, KIND (0 execute, 1 write, 2 port, 3 read or write), LENGTH: by the global enable.
%macro breakpoint 4
                mov eax, %2
                mov dr%1, eax
                mov eax, dr7
                or eax, 2 << (2 * %1) | (%3 | (%4 - 1) << 2) << (16 + 4 * %1)
                mov dr7, eax
%endmacro
%macro resume 0
                mov dword [r0_set_rf], 0x10000
%endmacro

cases
; ---- on execution ----
        case "execution"                ;= #DB at dr6=0001
                breakpoint 0, ..@a1, 0, 1
..@a1:  op      nop
        case "RF lets it pass"          ;= #DB at dr6=0001 ok
                breakpoint 0, ..@a2, 0, 1
                resume
                events 1
..@a2:  op      nop
        case "RF is for one instruction"        ;= #DB after dr6=0001 #DB -0001 dr6=0002 ok
                breakpoint 0, ..@a4, 0, 1
                breakpoint 1, ..@a3, 0, 1
                resume
                events 2
                jmp ..@a4
..@a3:          nop
        op      jmp ..@a5
..@a4:          jmp ..@a3
..@a5:
        case "DR3, local enable"        ;= #DB at dr6=0008
                mov eax, ..@a6
                mov dr3, eax
                mov eax, 0x40
                mov dr7, eax
..@a6:  op      nop
        case "not enabled"              ;= ok
                mov eax, ..@a7
                mov dr3, eax
                mov eax, 0x300
                mov dr7, eax
..@a7:  op      nop
        case "in the middle of an instruction"  ;= ok
                breakpoint 0, ..@a8 + 1, 0, 1
..@a8:  op      mov eax, 0x90909090
        case "two on one instruction"   ;= #DB at dr6=0005
                breakpoint 0, ..@a9, 0, 1
                breakpoint 2, ..@a9, 0, 1
..@a9:  op      nop
        case "before the fault of its instruction"      ;= #DB at dr6=0001 #UD at
                breakpoint 0, ..@a10, 0, 1
                resume
                events 1
..@a10: op      ud2
        case "at CPL 3"                 ;= #DB at dr6=0001
                breakpoint 0, ..@a11, 0, 1
                ring 3
..@a11: op      nop
        case "after MOV SS it is not seen"      ;= ok
                breakpoint 0, ..@a12, 0, 1
                mov ax, ss
                mov ss, ax
..@a12: op      nop
        case "after POP SS it is not seen"      ;= ok
                breakpoint 0, ..@a13, 0, 1
                push ss
                pop ss
..@a13: op      nop
        case "after LSS it is"          ;= #DB at dr6=0001
                push dword DATA0
                push dword STACK_TOP
                breakpoint 0, ..@a14, 0, 1
                lss esp, [esp]
..@a14: op      nop
        case "after STI it is"          ;= #DB at dr6=0001
                breakpoint 0, ..@a15, 0, 1
                sti
..@a15: op      nop
        case "at the target of a far jump"      ;= #DB at dr6=0001
                breakpoint 0, ..@a16, 0, 1
                jmp CODE0:..@a16
                ud2
..@a16: op      nop
        case "at a handler"             ;= #DB at dr6=0001
                breakpoint 0, ..@a17, 0, 1
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@a17), G_INT32, 0
                int 0x31
                ud2
..@a17: op      nop
        case "set while the code is running"    ;= #DB at dr6=0001
                mov ecx, 50
..@a19:         cmp ecx, 10
                jne ..@a20
                breakpoint 0, ..@a20, 0, 1
..@a20: op      dec ecx
                jnz ..@a19

; ---- on data ----
        case "write of a doubleword"    ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      mov [DATA], eax
        case "and it is written"        ;= #DB after dr6=0001 ok
                breakpoint 0, DATA, 1, 4
                events 1
                mov eax, 0x1234
        op      mov [DATA], eax
                cmp [DATA], eax
                je ..@b1
                ud2
..@b1:
        case "a read is no write"       ;= ok
                breakpoint 0, DATA, 1, 4
        op      mov eax, [DATA]
        case "read or write: read"      ;= #DB after dr6=0002
                breakpoint 1, DATA, 3, 4
        op      mov eax, [DATA]
        case "read or write: write"     ;= #DB after dr6=0004
                breakpoint 2, DATA, 3, 4
        op      mov [DATA], al
        case "read or write: no execution"      ;= ok
                breakpoint 0, ..@b2, 3, 4
..@b2:  op      nop
        case "read-modify-write"        ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      inc dword [DATA]
        case "TEST only reads"          ;= ok
                breakpoint 0, DATA, 1, 4
        op      test dword [DATA], 1
        case "the last byte"            ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      mov [DATA + 3], al
        case "the byte behind"          ;= ok
                breakpoint 0, DATA, 1, 4
        op      mov [DATA + 4], al
        case "the byte before"          ;= ok
                breakpoint 0, DATA, 1, 4
        op      mov [DATA - 1], al
        case "over the first byte"      ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      mov [DATA - 1], ax
        case "a word's length"          ;= ok
                breakpoint 0, DATA, 1, 2
        op      mov [DATA + 2], eax
        case "low bits of the address do not count"     ;= #DB after dr6=0001
                breakpoint 0, DATA + 3, 1, 4
        op      mov [DATA], al
        case "a byte's length"          ;= #DB after dr6=0001
                breakpoint 0, DATA + 1, 1, 1
        op      mov [DATA], eax
        case "PUSH"                     ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      push eax
        case "POP"                      ;= #DB after dr6=0001
                push eax
                breakpoint 0, STACK_TOP - 4, 3, 4
        op      pop eax
        case "CALL"                     ;= #DB +0006 dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      call ..@b3
                nop
..@b3:
        case "far CALL"                 ;= #DB +0008 dr6=0001
                breakpoint 0, STACK_TOP - 8, 1, 4
        op      call CODE0:..@b4
                nop
..@b4:
        case "PUSHF"                    ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      pushfd
        case "PUSHA"                    ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 16, 1, 4
        op      pushad
        case "ENTER"                    ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      enter 16, 0
        case "STOS"                     ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
                mov edi, DATA
        op      stosd
        case "REP STOS, in the middle"  ;= #DB at dr6=0001 ok
                breakpoint 0, DATA + 8, 1, 4
                events 1
                mov edi, DATA
                mov ecx, 8
        op      rep stosd
        case "REP MOVS, the last"       ;= #DB after dr6=0001 ok
                breakpoint 0, DATA + 28, 1, 4
                events 1
                mov esi, image
                mov edi, DATA
                mov ecx, 8
        op      rep movsd
        case "REP SCAS reads"           ;= #DB at dr6=0001 ok
                mov edi, DATA
                mov ecx, 4
                xor eax, eax
                rep stosd
                breakpoint 0, DATA + 4, 3, 4
                events 1
                xor eax, eax
                mov edi, DATA
                mov ecx, 4
        op      repe scasd
        case "XCHG"                     ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      xchg eax, [DATA]
        case "CMPXCHG that fails writes too"    ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
                mov dword [ss:DATA + 0x100], 0
                mov eax, 0x55AA55AA
        op      cmpxchg [DATA], ecx
        case "FST"                      ;= #DB after dr6=0001
                fninit
                fldz
                breakpoint 0, DATA + 4, 1, 4
        op      fstp qword [DATA]
        case "at CPL 3"                 ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
                ring 3
        op      mov [DATA], eax
        case "a write that faults hits nothing" ;= #GP(0000) at
                breakpoint 0, DATA, 1, 4
                xor eax, eax
                mov es, ax
        op      mov [es:DATA], eax
        case "two at once"              ;= #DB after dr6=0009
                breakpoint 0, DATA, 1, 4
                breakpoint 3, DATA + 4, 1, 1
        op      mov [DATA + 2], eax
        case "data, and execution of the next"  ;= #DB after dr6=0001 #DB after dr6=0002
                breakpoint 0, DATA, 1, 4
                breakpoint 1, ..@b5, 0, 1
                events 1
        op      mov [DATA], eax
..@b5:          nop
        case "MOV SS from memory waits for the next instruction"        ;= #DB after dr6=0001
                mov dword [DATA], DATA0
                breakpoint 0, DATA, 3, 4
                mov ss, [DATA]
        op      nop
        case "a loop"                   ;= #DB after dr6=0001
                breakpoint 0, DATA + 40 * 4, 1, 4
                mov edi, DATA
                mov ecx, 60
..@b6:  op      mov [edi], ecx
                add edi, 4
                dec ecx
                jnz ..@b6

; ---- on ports ----
        case "IN with DE"               ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x80, 2, 1
        op      in al, 0x80
        case "OUT with DE"              ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x80, 2, 1
        op      out 0x80, al
        case "a port beside"            ;= ok
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x81, 2, 1
        op      out 0x80, al
        case "a word over the port"     ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x81, 2, 1
        op      in ax, 0x80
        case "OUTSB with DE"            ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x80, 2, 1
                mov edx, 0x80
                mov esi, image
        op      outsb

show 0
; Last, as QEMU 7.2 crashes.
        case "linear, not an offset"    ;= #DB at dr6=0001
                breakpoint 0, ..@a18, 0, 1
                ring16 0
..@a18: op      nop
cases_end

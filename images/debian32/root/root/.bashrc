PS1='debian32:\w# '
echo PAGEVM-READY

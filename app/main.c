#include <stdio.h>
int main(void) { puts("triptych"); return 0; }

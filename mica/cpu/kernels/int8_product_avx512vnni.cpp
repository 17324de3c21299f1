#define MICA_ISA_NS avx512vnni
#include "mica/cpu/kernels/int8_product.h"

#include "mica/cpu/kernels/int8_product.h"

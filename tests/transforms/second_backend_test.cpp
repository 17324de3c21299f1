// Makes this program's tests run on a second backend when the environment asks for it.
#include "tests/array/second_backend.h"

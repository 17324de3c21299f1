#pragma once

/// All of mica's public interface.

#include "mica/array/array.h"
#include "mica/array/device.h"
#include "mica/array/evaluate.h"
#include "mica/array/memory.h"
#include "mica/array/stream.h"
#include "mica/lm/chat.h"
#include "mica/lm/generate.h"
#include "mica/lm/model.h"
#include "mica/lm/perplexity.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/index.h"
#include "mica/ops/linear.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"
#include "mica/text/detokenizer.h"
#include "mica/text/tokenizer.h"

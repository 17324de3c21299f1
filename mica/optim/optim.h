#pragma once

/// Optimizers and learning rate schedules.

#include "mica/optim/adafactor.h"
#include "mica/optim/adam.h"
#include "mica/optim/adaptive.h"
#include "mica/optim/clip.h"
#include "mica/optim/lion.h"
#include "mica/optim/multi_optimizer.h"
#include "mica/optim/muon.h"
#include "mica/optim/optimizer.h"
#include "mica/optim/schedules.h"
#include "mica/optim/sgd.h"

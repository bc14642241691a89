// The components of simulated pipelines that are not trommel's own: a transform that refuses and filters by key, and a
// store that is a variable.
#pragma once

#include "component/component.h"
#include "simulation/world.h"

namespace trommel {

TransformKind sieve_transform();
/// `model:NAME`, kept in `world`, which must outlive it.
SinkKind model_store(World& world);

}  // namespace trommel

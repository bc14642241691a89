// Reset: a pipeline starts anew. What its state folder has of earlier epochs is put aside, and epochs are numbered on
// from there: a store that remembers epoch 7 would take a second epoch 1 for one that it has.
//
// STATE/reset.json             a reset is under way: the number that goes on, and where things go; a run that finds it
//                              finishes what a crash has left half done
// STATE/before_reset_000007/   what was there, with epoch 7 as its last; the one of the reset before goes
#pragma once

#include <string>

#include "engine/checkpoint.h"

namespace trommel {

/// The last epoch that anybody may know of in a state folder of one group, damaged or not.
Result<Epoch> last_epoch(Env& env, const std::string& folder);
/// Puts everything aside. The caller holds the folder's lock. `stores`: the last epoch that a store knows of, where the
/// folder may know less.
Result<> reset_state(Env& env, const std::string& folder, const std::string& pipeline, Epoch stores);
/// To be called before anything else is read. True: there was a reset to be finished.
Result<bool> finish_reset(Env& env, const std::string& folder);
/// Epochs of a folder that has none are numbered from behind `last`: one that is empty stands for all up to it.
Result<> begin_after(Env& env, const std::string& folder, const std::string& pipeline, Epoch last);

}  // namespace trommel

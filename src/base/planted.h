// Mistakes that tests plant in the commit protocol, to see that their judges catch each of them. The program itself
// plants none: `planted` is then one comparison, made a few times an epoch. Each stands where somebody could make it.
#pragma once

#include <array>
#include <string_view>

namespace trommel {

enum class Mistake {
  none,
  commit_before_checkpoint,
  position_at_read,
  forget_transform_state,
  no_recommit,
  segment_not_synced,
  end_of_input_outside,
  temporary_not_synced,
  checkpoint_not_synced,
  spool_dropped_early,
  table_ignores_epoch,
  topic_resends_blindly,
  number_on_recommit,
  rejects_outside,
  delete_before_commit,
  forget_before_delete_is_durable,
  claim_by_name,
  claim_numbers_come_again,
  go_on_below_a_sink,
  sweep_what_is_prepared,
  torn_line_swallows_the_next,
  keep_state_of_a_refused_file,
  claim_with_the_size_seen_before,
};

struct MistakeInfo {
  Mistake mistake;
  std::string_view name, what;
};

constexpr std::array<MistakeInfo, 22> kMistakes = {{
    {Mistake::commit_before_checkpoint, "commit_before_checkpoint", "sinks commit, then the checkpoint is written"},
    {Mistake::position_at_read, "position_at_read",
     "the checkpoint takes a position that the reader is at, not the epoch"},
    {Mistake::forget_transform_state, "forget_transform_state", "what transforms remember is not in the checkpoint"},
    {Mistake::no_recommit, "no_recommit", "a restart goes on from the checkpoint without committing its epoch again"},
    {Mistake::segment_not_synced, "segment_not_synced", "an epoch counts as prepared before its segments are synced"},
    {Mistake::end_of_input_outside, "end_of_input_outside", "that an input ended is remembered in memory only"},
    {Mistake::temporary_not_synced, "temporary_not_synced", "a temporary is renamed without having been synced"},
    {Mistake::checkpoint_not_synced, "checkpoint_not_synced",
     "the checkpoint is renamed without syncing it or its folder"},
    {Mistake::spool_dropped_early, "spool_dropped_early", "segments go after the first store has committed"},
    {Mistake::table_ignores_epoch, "table_ignores_epoch", "a store's commit does not look at the stored epoch"},
    {Mistake::topic_resends_blindly, "topic_resends_blindly", "and another's neither"},
    {Mistake::number_on_recommit, "number_on_recommit",
     "a final name that is there is numbered also when it is our own"},
    {Mistake::rejects_outside, "rejects_outside", "the reject log is published at once, not with its epoch"},
    {Mistake::delete_before_commit, "delete_before_commit",
     "inputs go once they are checkpointed, before the sinks have them"},
    {Mistake::forget_before_delete_is_durable, "forget_before_delete_is_durable",
     "an epoch counts as done before its inputs are put away for good"},
    {Mistake::claim_by_name, "claim_by_name", "an input is known by the name it was dropped under"},
    {Mistake::claim_numbers_come_again, "claim_numbers_come_again", "a claim takes a name that another still has"},
    {Mistake::go_on_below_a_sink, "go_on_below_a_sink",
     "a damaged checkpoint is passed over though a sink has its epoch"},
    {Mistake::sweep_what_is_prepared, "sweep_what_is_prepared", "a restart sweeps temporaries that a checkpoint needs"},
    {Mistake::torn_line_swallows_the_next, "torn_line_swallows_the_next",
     "a line torn by a crash is not closed before the next is appended"},
    {Mistake::keep_state_of_a_refused_file, "keep_state_of_a_refused_file",
     "an epoch that is tried again without a refused file keeps what it taught the transforms"},
    {Mistake::claim_with_the_size_seen_before, "claim_with_the_size_seen_before",
     "a file is read up to the size it had before it was found complete"},
}};

/// For tests: from now on, in this process.
void plant(Mistake mistake);
bool planted(Mistake mistake);

}  // namespace trommel

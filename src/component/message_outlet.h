// What a decoder of blocks says, put as what became of messages: for formats that read messages with the decoder that
// they read files with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "batch/gather.h"
#include "component/message.h"
#include "component/quiet_outlet.h"

namespace trommel {

class MessageOutlet final : public QuietOutlet {
 public:
  /// The decoder will find message `message` at `begin`: positions rise, and so do messages.
  void expect(int64_t begin, int64_t message) { expected_.push_back({begin, message}); }
  /// One that the decoder is not asked about.
  void refuse(int64_t message, std::string code, std::string reason);

  using QuietOutlet::reject;
  void emit(Batch batch) override;
  void reject(const Block& block, std::span<const RawRefusal> refusals) override;

  /// All that was said.
  Result<DecodedMessages> take(const Schema& schema);

 private:
  struct Expected {
    int64_t begin, message;
  };
  std::vector<Expected> expected_;
  Gather gathered_;
  std::vector<Refusal> refusals_;
  Result<> outcome_;
};

}  // namespace trommel

// Messages that could not be read, sent on as they came: key, value and headers, and in more headers why and from
// where.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "component/component.h"
#include "component/outlet.h"
#include "connectors/kafka/partitions.h"

namespace trommel::kafka {

/// Makes them. Thread safe.
class DeadLetterMaker {
 public:
  DeadLetterMaker(std::string pipeline, std::string source)
      : pipeline_(std::move(pipeline)), source_(std::move(source)) {}

  /// One message, as `dead_letter_store` takes it. `value`: none of a message that had none.
  Rows make(const Partition& from, int64_t offset, const Envelope& around, std::optional<std::string_view> value,
            const Refusal& refusal) const;

 private:
  const std::string pipeline_, source_;
};

/// Nothing where the settings name no topic for them.
std::optional<DeadLetters> dead_letters(const SourceConfig& config, const BindContext& context);

}  // namespace trommel::kafka

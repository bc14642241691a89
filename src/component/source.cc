#include "component/source.h"

#include <algorithm>

namespace trommel {

Bytes Decoder::record_at(const Block& block, Position position) const {
  const Bytes bytes = block.view();
  const auto from =
      static_cast<size_t>(std::clamp<Position>(position - block.from, 0, static_cast<Position>(bytes.size())));
  auto end = std::find(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.end(), uint8_t{'\n'});
  auto length = static_cast<size_t>(end - bytes.begin()) - from;
  if (length > 0 && bytes[from + length - 1] == '\r') --length;
  return bytes.subspan(from, length);
}

}  // namespace trommel

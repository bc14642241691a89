#include "base/planted.h"

namespace trommel {
namespace {

Mistake the_mistake = Mistake::none;

}  // namespace

void plant(Mistake mistake) { the_mistake = mistake; }
bool planted(Mistake mistake) { return the_mistake == mistake; }

}  // namespace trommel

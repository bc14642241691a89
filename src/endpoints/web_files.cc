#include "endpoints/web_files.h"

// The assembler takes the files in as they are. TROMMEL_WEB_ROOT is the folder that scripts/fetch web has made.
#define TROMMEL_EMBED(name, file)                                                                               \
  __asm__(".pushsection .rodata\n.balign 16\n.global trommel_web_" #name "\ntrommel_web_" #name                 \
          ":\n.incbin \"" TROMMEL_WEB_ROOT "/" file "\"\n.global trommel_web_" #name "_end\ntrommel_web_" #name \
          "_end:\n.popsection\n");                                                                              \
  extern "C" const char trommel_web_##name[];                                                                   \
  extern "C" const char trommel_web_##name##_end[];

TROMMEL_EMBED(swagger_script, "swagger-ui-bundle.js")
TROMMEL_EMBED(swagger_style, "swagger-ui.css")
TROMMEL_EMBED(redoc_script, "redoc.standalone.js")

namespace trommel::endpoints {
namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }

}  // namespace

std::string_view swagger_ui_script() { return between(trommel_web_swagger_script, trommel_web_swagger_script_end); }
std::string_view swagger_ui_style() { return between(trommel_web_swagger_style, trommel_web_swagger_style_end); }
std::string_view redoc_script() { return between(trommel_web_redoc_script, trommel_web_redoc_script_end); }

}  // namespace trommel::endpoints

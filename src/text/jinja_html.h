/* Python's html.unescape, with HTML 5's names of characters. */
#ifndef AZ_TEXT_JINJA_HTML_H
#define AZ_TEXT_JINJA_HTML_H

#include "base/buf.h"

/* jinja_html_tables.c, made by tools/html_tables.py: for each letter A-Z, a-z the names that begin with it, without that
 * letter, each followed by its text in UTF-8 and a zero; another zero at the end. One that ends in no ';' may have one. */
extern const char *const az_html_names[];

/* Append s with &lt; and the like replaced, as browsers do it. */
void az_html_unescape(az_buf *out, const char *s, size_t n);

#endif

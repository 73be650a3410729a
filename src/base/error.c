#include "error.h"

#include "scrub.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* So much of a value that was wrong is shown, in bytes with the NUL. */
enum { VALUE_SHOWN = 120 };

#define CODE_TEXT(name, text) text,
static const char *const code_texts[] = {EVS_CODES(CODE_TEXT)};
#undef CODE_TEXT

const char *evs_code_text(enum evs_code code)
{
    return code_texts[code];
}

enum evs_code evs_code_parse(struct evs_str text)
{
    int code = 0;

    while (code < EVS_CODE_COUNT && !evs_str_equal(text, evs_str(code_texts[code])))
        code++;
    return (enum evs_code)code;
}

#define HINT_TEXT(name, text) text,
static const char *const hint_texts[] = {EVS_HINTS(HINT_TEXT)};
#undef HINT_TEXT

const char *evs_hint_text(enum evs_hint hint)
{
    return hint_texts[hint];
}

enum evs_hint evs_hint_parse(struct evs_str text)
{
    int hint = EVS_HINT_COUNT;

    while (--hint > EVS_HINT_NONE && !evs_str_equal(text, evs_str(hint_texts[hint])))
        ;
    return (enum evs_hint)hint;
}

const char *evs_outcome_text(enum evs_outcome outcome)
{
    static const char *const texts[] = {"not_sent", "refused", "unknown", "accepted"};

    return texts[outcome];
}

static bool retryable_code(enum evs_code code)
{
    switch (code) {
    case EVS_RESOLVE:
    case EVS_CONNECT:
    case EVS_TIMEOUT:
    case EVS_NETWORK:
    case EVS_WAIT_TIMEOUT:
    case EVS_STOPPED: return true;
    default: return false;
    }
}

/* What helps against most errors of a code. */
static enum evs_hint hint_of_code(enum evs_code code)
{
    static const unsigned char hints[EVS_CODE_COUNT] = {
        [EVS_NO_CREDENTIALS] = EVS_HINT_NO_KEYS,
        [EVS_RESOLVE] = EVS_HINT_REGION,
        [EVS_CONNECT] = EVS_HINT_REACH,
        [EVS_TLS] = EVS_HINT_CERTIFICATE,
        [EVS_PROXY] = EVS_HINT_PROXY,
        [EVS_TIMEOUT] = EVS_HINT_TIME,
        [EVS_BAD_RESPONSE] = EVS_HINT_STRANGER,
        [EVS_PROTECTED] = EVS_HINT_BACKUP,
        [EVS_WRONG_STATE] = EVS_HINT_BUSY,
        [EVS_NOT_DELETED] = EVS_HINT_NEEDED,
        [EVS_WAIT_TIMEOUT] = EVS_HINT_WAIT,
        [EVS_CLOSED] = EVS_HINT_NEW_CLIENT,
    };

    return (enum evs_hint)hints[code];
}

/* All but the message. */
static void start(struct evs_error *error, enum evs_code code)
{
    memset(error, 0, offsetof(struct evs_error, message));
    strcpy(error->code, evs_code_text(code));
    error->retryable = retryable_code(code);
    error->hint = hint_of_code(code);
}

void evs_error_set(struct evs_error *error, enum evs_code code, const char *format, ...)
{
    char text[sizeof error->message];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    start(error, code);
    evs_clean(error->message, sizeof error->message, evs_str(text));
}

void evs_error_append(struct evs_error *error, const char *text)
{
    char message[sizeof error->message];

    /* Cleaning cuts between characters. */
    evs_clean(message, sizeof message - strlen(text), evs_str(error->message));
    strcat(strcpy(error->message, message), text);
}

void evs_error_show(struct evs_error *error, struct evs_str value,
                    const struct evs_secrets *secrets)
{
    struct evs_buf safe = {0};
    char shown[VALUE_SHOWN], text[VALUE_SHOWN + 16];

    evs_scrub(&safe, value, secrets->text, EVS_SECRET_COUNT);
    evs_show_bytes(shown, sizeof shown, evs_buf_str(&safe));
    evs_buf_free(&safe);
    snprintf(text, sizeof text, "; it is \"%s\"", shown);
    evs_error_append(error, text);
}

void evs_text_show(char *out, size_t size, struct evs_str text, const struct evs_secrets *secrets)
{
    struct evs_buf safe = {0};

    evs_scrub(&safe, text, secrets->text, EVS_SECRET_COUNT);
    evs_clean(out, size, evs_buf_str(&safe));
    evs_buf_free(&safe);
}

void evs_error_quote(struct evs_error *error, enum evs_code code, struct evs_str text,
                     enum evs_hint hint, const struct evs_secrets *secrets)
{
    start(error, code);
    if (hint != EVS_HINT_NONE)
        error->hint = hint;
    evs_text_show(error->message, sizeof error->message, text, secrets);
    if (error->message[0] == '\0')
        strcpy(error->message, error->code);
}

void evs_name_show(char *out, size_t size, struct evs_str text, const struct evs_secrets *secrets)
{
    bool usable = text.len < size && evs_str_visible(text) &&
                  !evs_scrub_finds(text, secrets->text, EVS_SECRET_COUNT);

    if (usable && text.len > 0)
        memcpy(out, text.data, text.len);
    out[usable ? text.len : 0] = '\0';
}

const char *evs_status_reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 429: return "Too Many Requests";
    case 494: return "Request Header Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

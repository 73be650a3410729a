#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* clock_gettime under -std=c11 */
#endif
#include "base/time.h"

#include <string.h>
#include <time.h>

/* --- clocks ----------------------------------------------------------------------------------- */

static double read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double evs_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double evs_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* --- dates ------------------------------------------------------------------------------------ */

/* `count` digits at `at`, or -1. */
static int number(struct evs_str text, size_t at, size_t count)
{
    int value = 0;

    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

static int month_number(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int month = 0; month < 12; month++)
        if (memcmp(names + month * 3, name, 3) == 0)
            return month + 1;
    return -1;
}

/* Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap
 * day is the last one. */
static long days_from_civil(int year, int month, int day)
{
    long y = month <= 2 ? year - 1 : year;
    long era = y / 400;
    long year_of_era = y - era * 400;
    long day_of_year = (153L * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* Whether the digits and letters of `text` stand where `shape` has '0' and 'x', and all else is
 * equal. */
static bool has_shape(struct evs_str text, const char *shape)
{
    for (size_t i = 0; shape[i]; i++)
        if (i >= text.len || (shape[i] != 'x' && shape[i] != '0' && text.data[i] != shape[i]))
            return false;
    return true;
}

/* Seconds since 1970; -1 when a part is out of its range. The time of day is `HH:MM:SS` at `at`. */
static double moment(int year, int month, int day, struct evs_str text, size_t at)
{
    int hour = number(text, at, 2), minute = number(text, at + 3, 2),
        second = number(text, at + 6, 2);

    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return -1;
    return (double)days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

double evs_date_parse(struct evs_str text)
{
    static const char shape[] = "xxx, 00 xxx 0000 00:00:00 GMT";

    text = evs_str_trim(text);
    if (text.len != sizeof shape - 1 || !has_shape(text, shape))
        return -1;
    return moment(number(text, 12, 4), month_number(text.data + 8), number(text, 5, 2), text, 17);
}

double evs_date_parse_iso(struct evs_str text)
{
    static const char shape[] = "0000-00-00T00:00:00";

    if (text.len < sizeof shape || !has_shape(text, shape) || text.data[text.len - 1] != 'Z')
        return -1;
    return moment(number(text, 0, 4), number(text, 5, 2), number(text, 8, 2), text, 11);
}

double evs_date_retry_after(struct evs_str text, double date)
{
    double when, seconds = 0;

    text = evs_str_trim(text);
    if (text.len == 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            when = evs_date_parse(text);
            return when < 0 || date < 0 ? -1 : when > date ? when - date : 0;
        }
        seconds = seconds * 10 + (text.data[i] - '0');
    }
    return seconds;
}

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MADV_WIPEONFORK, MAP_ANONYMOUS under -std=c11 */
#endif
#include "origin.h"

#include <sys/mman.h>
#include <unistd.h>

/* Linux 4.14: the kernel empties the page in a child. Asking getpid() would be a system call, 1
 * us of the 40 that a request takes. */
void evs_origin_mark(struct evs_origin *origin)
{
    origin->pid = getpid();
    origin->page = NULL;
#ifdef MADV_WIPEONFORK
    void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) /* memory ends */
        return;
    if (madvise(page, 1, MADV_WIPEONFORK) != 0) { /* an older kernel */
        munmap(page, 1);
        return;
    }
    origin->page = page;
    *origin->page = 1;
#endif
}

bool evs_origin_is_foreign(const struct evs_origin *origin)
{
    return origin->page ? *origin->page == 0 : getpid() != origin->pid;
}

void evs_origin_free(struct evs_origin *origin)
{
    if (origin->page)
        munmap((void *)origin->page, 1);
    origin->page = NULL;
}

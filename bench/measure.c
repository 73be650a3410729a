/*
 * Runs a command and prints what it took, once it has ended well:
 *
 *     measure OUTPUT COMMAND...
 *
 * Microseconds of wall time and of CPU time (user and system, all its threads), and its peak of
 * resident memory in KiB. What the command prints goes to the file OUTPUT.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static void become(char **argv)
{
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
        perror(argv[1]);
    close(fd);
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct rusage usage;
    double began;
    int status;
    pid_t child;

    if (argc < 3)
        return 2;
    began = now();
    child = fork();
    if (child == 0)
        become(argv);
    if (child < 0 || wait4(child, &status, 0, &usage) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        fprintf(stderr, "measure: %s failed\n", argv[2]);
        return 1;
    }
    printf("%.0f %.0f %ld\n", now() - began,
           microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
    return 0;
}

/* The floor of a fan-out: what the kernel takes for one small send() to each of many connections.
 *
 * Usage: send SOCKETS BYTES SECONDS WARM_UP SENDER_CPU RECEIVER_CPU   (a CPU of -1: wherever the kernel likes)
 *
 * The parent accepts SOCKETS loopback connections and sends BYTES to each of them, round after round, as a server does
 * whose publisher waits until everybody has the event: the child, which reads, says when a round has arrived.
 * It prints one JSON object with the CPU time of the parent in microseconds a send.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SOCKETS = 15000, MOST_BYTES = 65536, EVENTS = 512, BACKLOG = 4096 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void pin(int cpu) {
    if (cpu < 0)
        return;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
        fail("sched_setaffinity");
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double seconds(struct timeval time) {
    return time.tv_sec + time.tv_usec / 1e6;
}

/* The child: connects, reads all that comes, and writes one byte to `told` for each round. */
static void receive(const struct sockaddr_in *address, int sockets, long bytes_a_round, int told) {
    static char buffer[MOST_BYTES];
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(0);
    if (epoll < 0)
        fail("epoll_create1");
    for (int i = 0; i < sockets; i++) {
        int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection < 0 || connect(connection, (const struct sockaddr *)address, sizeof *address) != 0)
            fail("connect");
        struct epoll_event interest = {.events = EPOLLIN, .data.fd = connection};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection, &interest) != 0)
            fail("epoll_ctl");
    }
    for (long missing = bytes_a_round;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            ssize_t got = read(events[i].data.fd, buffer, sizeof buffer);
            if (got <= 0)
                exit(0); /* the parent has what it wanted */
            missing -= got;
        }
        if (missing == 0) {
            if (write(told, "", 1) != 1)
                exit(0);
            missing = bytes_a_round;
        }
    }
}

/* Sends one round, and waits until it has arrived everywhere. */
static void send_round(const int *connections, int sockets, const char *event, int bytes, int arrived) {
    char word;
    for (int i = 0; i < sockets; i++)
        if (send(connections[i], event, bytes, MSG_NOSIGNAL) != bytes)
            fail("send");
    if (read(arrived, &word, 1) != 1)
        fail("the receiver has gone");
}

int main(int argc, char **argv) {
    static int connections[MOST_SOCKETS];
    static char event[MOST_BYTES];
    if (argc != 7) {
        fprintf(stderr, "usage: send SOCKETS BYTES SECONDS WARM_UP SENDER_CPU RECEIVER_CPU\n");
        return 2;
    }
    int sockets = atoi(argv[1]), bytes = atoi(argv[2]);
    double measured = atof(argv[3]), warm_up = atof(argv[4]);
    if (sockets < 1 || sockets > MOST_SOCKETS || bytes < 1 || bytes > MOST_BYTES || measured <= 0) {
        fprintf(stderr, "send: at most %d sockets and %d bytes\n", MOST_SOCKETS, MOST_BYTES);
        return 2;
    }
    memset(event, 'x', sizeof event);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, length) != 0 || listen(listening, BACKLOG) != 0)
        fail("listen");
    getsockname(listening, (struct sockaddr *)&address, &length);

    int rounds[2];
    if (pipe(rounds) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(rounds[0]);
        pin(atoi(argv[6]));
        receive(&address, sockets, (long)sockets * bytes, rounds[1]);
    }
    close(rounds[1]);
    pin(atoi(argv[5]));
    for (int i = 0, on = 1; i < sockets; i++) {
        connections[i] = accept(listening, NULL, NULL);
        if (connections[i] < 0)
            fail("accept");
        setsockopt(connections[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    for (double end = now() + warm_up; now() < end;)
        send_round(connections, sockets, event, bytes, rounds[0]);
    struct rusage before, after;
    long sends = 0;
    getrusage(RUSAGE_SELF, &before);
    for (double end = now() + measured; now() < end; sends += sockets)
        send_round(connections, sockets, event, bytes, rounds[0]);
    getrusage(RUSAGE_SELF, &after);

    double user = seconds(after.ru_utime) - seconds(before.ru_utime);
    double system = seconds(after.ru_stime) - seconds(before.ru_stime);
    printf("{\"sends\": %ld, \"user_seconds\": %.6f, \"system_seconds\": %.6f, \"cpu_us_per_send\": %.4f}\n", sends, user,
           system, (user + system) * 1e6 / sends);
    kill(child, SIGKILL);
    return 0;
}

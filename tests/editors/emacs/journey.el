;;; journey.el --- start, status, hover, diagnostics, accept and revert in real Emacs -*- lexical-binding: t; -*-

;; CAMPAIGN=FOLDER AUTORESEARCH_ROOT=... AUTORESEARCH_CMD=... emacs -Q --batch -l journey.el
;; The configuration is the one that editors/emacs/README.md gives to users.

(require 'subr-x)
(defvar root (file-name-as-directory (getenv "AUTORESEARCH_ROOT")))
(defvar folder (file-name-as-directory (getenv "CAMPAIGN")))
(add-to-list 'load-path (concat root "editors/emacs"))

(defun said (text &rest values) (princ (concat (apply #'format text values) "\n")))
(defun wait (what holds &optional seconds)
  "Return the first true value of HOLDS; end with 1 at the deadline."
  (let ((end (+ (float-time) (or seconds 90))) late value)
    ;; The clock is read before each look: we may be suspended in between.
    (while (and (not (setq late (> (float-time) end) value (funcall holds))) (not late)) (accept-process-output nil 0.05))
    (unless value
      (said "FAIL never: %s\n%s" what (with-current-buffer (messages-buffer) (buffer-string)))
      (kill-emacs 1))
    (said "ok   %s" what)
    value))

;; The page's own configuration, with the command of this checkout.
(with-temp-buffer
  (insert-file-contents (concat root "editors/emacs/README.md"))
  (re-search-forward "^```elisp\n\\(\\(?:.\\|\n\\)*?\\)```")
  (let ((page (match-string 1)))
    (with-temp-buffer (insert page) (eval-buffer))))
(setq autoresearch-command (list (getenv "AUTORESEARCH_CMD") "lsp") eglot-sync-connect t eglot-autoshutdown t)

;; Not a warning from the compiler, and the file keeps to the conventions of packages.
(defvar warnings nil)
(let ((byte-compile-log-warning-function (lambda (text &rest _) (push text warnings)))
      (byte-compile-dest-file-function (lambda (_) (make-temp-file "autoresearch" nil ".elc"))))
  (byte-compile-file (concat root "editors/emacs/autoresearch.el")))
(when warnings (said "FAIL the compiler says %S" warnings) (kill-emacs 1))

;; Both names that a report gives its table.
(dolist (name '("results.tsv" "results-nov23.tsv"))
  (let ((buffer-file-name (concat folder name)))
    (unless (autoresearch--campaign-p) (said "FAIL %s is not known" name) (kill-emacs 1))))

;; Elsewhere everything stays as it is.
(let ((before (default-value 'eglot-server-programs)) (file (make-temp-file "other" nil ".py")))
  (with-current-buffer (find-file-noselect file)
    (unless (and (derived-mode-p 'python-base-mode) (equal eglot-server-programs before))
      (said "FAIL a file outside a campaign is touched") (kill-emacs 1))))

(defun last-message (regexp)
  (with-current-buffer (messages-buffer)
    (save-excursion (goto-char (point-max)) (re-search-backward regexp nil t))))
(defun status () (jsonrpc-request (eglot-current-server) :workspace/executeCommand
                                  (list :command "autoresearch.status"
                                        :arguments (vector (list :folder (directory-file-name folder) :quiet t)))))
(defun history () (append (plist-get (jsonrpc-request (eglot-current-server) :autoresearch/history
                                                      (list :folder (directory-file-name folder)))
                                     :experiments)
                          nil))
(defun waiting () (seq-filter (lambda (d) (string-match-p "waits for review" (flymake-diagnostic-text d)))
                              (flymake-diagnostics)))
(defun hover ()
  (let ((answer (jsonrpc-request (eglot-current-server) :textDocument/hover (eglot--TextDocumentPositionParams))))
    (and answer (plist-get (plist-get answer :contents) :value))))
(defun act (title)
  "Run the code action at point whose title begins with TITLE, as `eglot-code-actions' does once it is chosen."
  (let* ((actions (eglot-code-actions (line-beginning-position) (line-end-position)))
         (found (seq-find (lambda (a) (string-prefix-p title (plist-get a :title))) actions)))
    (unless found
      (said "FAIL no action %s among %S" title (mapcar (lambda (a) (plist-get a :title)) actions))
      (kill-emacs 1))
    (eglot-execute (eglot-current-server) found)
    (said "ok   code action: %s" (plist-get found :title))))
(defun at (diagnostic) (goto-char (flymake-diagnostic-beg diagnostic)))

(find-file (concat folder "program.md"))
(unless (eglot-current-server) (call-interactively #'eglot))
(said "Emacs %s, %s, in %s" emacs-version (plist-get (eglot--server-info (eglot-current-server)) :name) major-mode)
(goto-char (point-min))
(re-search-forward "^# ")
(act "▶ Start campaign")
(wait "the campaign runs" (lambda () (equal (plist-get (status) :state) "running")))
(wait "status on hover" (lambda () (let ((text (hover))) (and text (string-match-p "baseline\\|best" text)))))
(wait "three kept" (lambda () (>= (or (plist-get (status) :keeps) 0) 4)))
(autoresearch-pause)
(wait "paused" (lambda () (equal (plist-get (status) :state) "paused")))

(find-file (concat folder "train.py"))
(unless (eglot-current-server) (call-interactively #'eglot))
(flymake-mode 1)
(defvar original (buffer-string))
(goto-char (point-min))
(act "Pull")
(wait "the pull in the buffer" (lambda () (not (equal (buffer-string) original))))
(wait "two diagnostics" (lambda () (>= (length (waiting)) 2)))
(eglot-inlay-hints-mode 1)
(eglot--update-hints-1 (point-min) (point-max))
(wait "inlay hints drawn"
      (lambda () (seq-some (lambda (o) (let ((text (or (overlay-get o 'before-string) (overlay-get o 'after-string))))
                                         (and text (string-match-p "#[0-9]+ " text))))
                           (overlays-in (point-min) (point-max)))))
(goto-char (point-min))
(autoresearch-next)
(wait "next goes to the first hunk" (lambda () (= (line-beginning-position)
                                                  (save-excursion (at (car (waiting))) (line-beginning-position)))))
(defvar pulled (buffer-string))
(defvar many (length (waiting)))
(at (car (waiting)))
(wait "hover on a hunk" (lambda () (string-match-p "Waits for review" (hover))))
(act "Accept hunk")
(wait "one less waits" (lambda () (= (length (waiting)) (1- many))))
(unless (equal (buffer-string) pulled) (said "FAIL accept touched the text") (kill-emacs 1))
(at (car (waiting)))
(act "Revert hunk")
(wait "the old line is back" (lambda () (not (equal (buffer-string) pulled))))
(wait "the revert is recorded" (lambda () (seq-some (lambda (e) (plist-get e :removes)) (history))))
(autoresearch-resume)
(wait "the price is measured"
      (lambda () (seq-some (lambda (e) (and (plist-get e :removes) (equal (plist-get e :reason) "human"))) (history))))
(autoresearch-undo)
(wait "undo brings the text back" (lambda () (equal (buffer-string) pulled)))
(autoresearch-note "smaller is better")
(wait "the note is answered" (lambda () (last-message "AutoResearch: recorded")))
(set-buffer-modified-p nil)
(said "the journey holds")
